"""From an author's text to speech at the call's rate: text front end, engines in order, level."""
