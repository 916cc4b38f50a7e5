"""Finding targets: one module a kind of discovery, each an `async` source of groups; `group` is what all of them give,
`running` keeps them going."""
