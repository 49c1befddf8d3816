"""The studio without its pages: ask for pictures, follow them, keep them, count the credits.

    studio       the one object that pages talk to
    rooms        what it has open at one time: the service, or the sandbox
    routes       HTTP beside the pages: signed picture links, live events, health
    session      the jobs of one browser session
    tracker      moves every open job one step on
    workers      the few threads that do the network's work
    client       the service's API as four methods, and the download of a result
    store        jobs, references, balances, turns to send
    schema       the tables
    files        bytes on disk
    pictures     is this a picture that the service takes; thumbnails
    links        signed addresses for files
    prices       what a picture is likely to cost
    hub          who wants to know that something changed
    jobs         a job, its states, the allowed moves
    generation   what can be asked for
    settings     key, hosts, folders
    errors       what can go wrong, drawn as a tree
    sandbox      a local service that speaks the same API
    drawing      the sandbox's pictures

Imports point down this list, never up, and nothing here imports Streamlit.
"""
