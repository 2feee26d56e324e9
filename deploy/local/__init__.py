"""The stack that runs on a machine with Python alone: Kafka, a MongoDB server and a mailbox."""
