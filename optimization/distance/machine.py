"""The machine code of this package's kernels."""

from __future__ import annotations

from optimization.machine import MachineCode, can_compile

__all__ = ["CODE", "available", "can_compile", "load"]

CODE = MachineCode(
    "speed",
    kernels="optimization.distance.kernels",
    sources=tuple(
        f"distance.{name}" for name in ("kernel_formula", "kernel_numbers", "kernel_rows", "kernels", "threads")
    ),
    functions={
        "evaluate": "pppi",
        "evaluate_shared": "pppippii",
        "last_record_end": "piip",
        "read_rows": "piiiiiippppp",
        "write_rows": "piiippppp",
    },
    brief=("evaluate",),
)
available, load = CODE.available, CODE.load
