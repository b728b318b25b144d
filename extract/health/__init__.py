"""How the warehouse fares: state (read once) → verdicts (one set of limits) → wording; metrics, a webhook."""
