"""What numba's Python does not have (bits, 128-bit products, atomic steps, copies), and how everything is compiled."""

# ruff: noqa: ARG001 - numba hands every intrinsic its whole context, and few need all of it
from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numba
from numba import extending, types

# The type checker cannot follow numba's decorators: what they compile has numba's types, not Python's.
ir: Any = importlib.import_module("llvmlite.ir")
carray: Any = numba.carray  # type: ignore[attr-defined]
njit: Callable[..., Callable[[Any], Any]] = numba.njit
intrinsic: Callable[[Any], Any] = extending.intrinsic
CPointer: Any = types.CPointer

# `contract` only: reassociation would let LLVM fold the three parts of π/2 into one.
inlined = njit(fastmath={"contract"}, error_model="numpy", forceinline=True)


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """The bits of a float64 as an int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def float_of(typing_context: Any, x: Any) -> Any:
    """The float64 that has these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def load(typing_context: Any, states: Any, at: Any) -> Any:
    """states[at], as the other threads have left it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        states, at = arguments
        return builder.load_atomic(builder.gep(states, [at]), "acquire", 8)

    return types.int64(states, types.int64), generate


@intrinsic
def store(typing_context: Any, states: Any, at: Any, value: Any) -> Any:
    """states[at] = value, after everything that was written before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        states, at, value = arguments
        builder.store_atomic(value, builder.gep(states, [at]), "release", 8)
        return context.get_dummy_value()

    return types.void(states, types.int64, types.int64), generate


@intrinsic
def exchange(typing_context: Any, states: Any, at: Any, expected: Any, value: Any) -> Any:
    """states[at] = value if it is `expected`, in one step for all threads; what was there before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        states, at, expected, value = arguments
        pair = builder.cmpxchg(builder.gep(states, [at]), expected, value, "seq_cst", "seq_cst")
        return builder.extract_value(pair, 0)

    return types.int64(states, types.int64, types.int64, types.int64), generate


@intrinsic
def touch(typing_context: Any, floats: Any, at: Any) -> Any:
    """Have the page of floats[at] there. Adding nothing in one step changes nothing, even while others write there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        floats, at = arguments
        word = ir.IntType(64)
        address = builder.bitcast(builder.gep(floats, [at]), word.as_pointer())
        builder.atomic_rmw("add", address, ir.Constant(word, 0), "monotonic")
        return context.get_dummy_value()

    return types.void(floats, types.int64), generate


@intrinsic
def copy(typing_context: Any, out: Any, at: Any, text: Any, start: Any, size: Any) -> Any:
    """out[at : at + size] = text[start : start + size]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, at, text, start, size = arguments
        word = ir.IntType(64)
        kinds = [out.type, text.type, word]
        move = builder.module.declare_intrinsic("llvm.memcpy", kinds)
        builder.call(move, [builder.gep(out, [at]), builder.gep(text, [start]), size, ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return types.void(out, types.int64, text, types.int64, types.int64), generate


@intrinsic
def high_product(typing_context: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of a product of two uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        a, b = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(a, b), ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def leading_zeros(typing_context: Any, a: Any) -> Any:
    """The zero bits above the highest one of a uint64 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _loaded(kind: Any, bits: int) -> Callable[[Any, Any], Any]:
    """The intrinsic that reads what lies at an address, which need not be a multiple of its size."""

    def read(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.load(builder.inttoptr(arguments[0], ir.IntType(bits).as_pointer()), align=1)

        return kind(types.int64), generate

    return read


byte_at = intrinsic(_loaded(types.uint8, 8))
int32_at = intrinsic(_loaded(types.int32, 32))
word_at = intrinsic(_loaded(types.uint64, 64))
