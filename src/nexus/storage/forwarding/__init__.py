"""What goes on to a backend, a server somewhere else that holds a tenant's data: HTTP to it, and a durable queue for while
it is away. Shared by stores of metrics and of traces."""
