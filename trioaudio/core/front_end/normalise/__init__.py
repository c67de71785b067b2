"""Numbers, money, dates, telephone numbers and the like, written as the words a voice says."""
