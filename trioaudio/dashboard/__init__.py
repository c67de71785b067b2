"""`trioaudio top`: what daemons do, live on a terminal, in a process of its own.

Everything comes by the control API. What arrives (`link`) changes the model (`nodes`), the model
and what the person wants to see (`view_state`) make a picture (`picture`), and only `terminal` and
`keyboard` touch the terminal.
"""
