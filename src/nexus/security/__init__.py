"""Who is asking, and what may they do: the one seam that every door goes through."""
