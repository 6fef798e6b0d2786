"""The search adapter on Elasticsearch: only features of the core distribution, no plugin."""
