"""Applications written for ConversationRelay's message set: each call dials theirs and obeys it."""
