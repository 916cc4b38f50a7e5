"""The query side of Elasticsearch's HTTP API: what Grafana's data source and simple clients ask."""
