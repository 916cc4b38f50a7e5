"""What the APIs about traces share: the native one, Jaeger's, Tempo's and Zipkin's."""
