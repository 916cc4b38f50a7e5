"""The part of Elasticsearch's query language that dashboards and simple clients use, lowered into the plan."""
