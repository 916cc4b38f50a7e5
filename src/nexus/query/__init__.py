"""Query languages, the typed plan they lower into, and the policy that closes a plan over its tenant."""
