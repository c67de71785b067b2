"""trioaudio: text in, perfectly paced telephone audio out."""

__version__ = "0.1.0"
