"""The simulated ESIOS: an HTTP server that behaves as the real API does, faults included. For the demo and the tests.

with simulator.serve(faults=[faults.status(503, times=2)], latency_ms=100) as server:
    requests.get(f"{server.url}/indicators/460", headers={"x-api-key": "any"})
"""

from simulator import faults
from simulator.connections import SERVER_NAME, Request
from simulator.server import DEMO_KEY, Server, serve

__all__ = ["DEMO_KEY", "SERVER_NAME", "Request", "Server", "faults", "serve"]
