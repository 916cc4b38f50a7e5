"""Scraping: what Prometheus does with `scrape_configs`. `config` reads its file, `targets` makes targets of what discovery
finds, `client` asks them, `loop` does so again and again, `manager` holds it together."""
