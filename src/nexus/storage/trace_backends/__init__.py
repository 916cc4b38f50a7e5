"""What traces in a Jaeger and in a Tempo have in common."""
