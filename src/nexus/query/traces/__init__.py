"""TraceQL: text to tree (`parser`), tree to text (`printer`) and to words (`explain`), tree to plans (`lower`, `metrics`);
the search forms of older clients (`forms`).

The language is Grafana Tempo's (its documentation, version 3). Texts that somebody is still typing: `incomplete`.
"""
