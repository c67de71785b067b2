"""How loud speech is, and how it is brought to the level of a telephone line."""
