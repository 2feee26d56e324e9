"""Kafka of a deployment: its start and health, topics, users and rights."""
