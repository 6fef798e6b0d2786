"""Kafka: the connection, topics as data, producers, dead letters. The handlers know nothing of it."""
