"""From an author's text, as it comes, to clauses an engine can speak.

`front_end.FrontEnd` is the way in; `clause.SpokenClause` is what comes out.
"""
