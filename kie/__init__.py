"""The studio without its pages: ask for pictures, follow them, keep them, count the credits.

    routes       HTTP beside the pages: picture links, references taken in, live events, health
    downloads    HTTP for what is taken away: a picture, a zip, a list
    commands     what a person who keeps the server types: check, backup, restore
    studio       the one object that pages talk to
    asking       where pictures are asked for
    browsing     where pictures are found again and put in order
    caring       where what is paid and not here is looked after
    keeping      where the files are checked and the bin is emptied
    shelf        where what is used again is kept and found
    taking       where pictures and lists are taken away
    desk         what the parts of the studio have in common
    rooms        what it has open at one time: the service, or the sandbox
    session      the jobs of one browser session
    tracker      moves every open job one step on
    sending      the first half of a job's life: references up, the paid request once
    looking      the second half: look at the task, bring the picture
    backup       the data folder in one file, and back
    care         is everything here that the rows promise; the bin is emptied
    pace         how long to wait before a job's next step
    workers      the few threads that do the network's work
    client       the service's API as four methods, and the download of a result
    wire         HTTP as the client needs it
    store        jobs, references, balances
    parcels      what a link stands for, when that is too long for an address
    inventory    which files should be here
    marks        stars, verdicts, tags, notes, the bin
    finding      jobs found again: by words, by every filter, page by page
    choice       what a query chooses, in its order, and what else could be chosen
    catalogue    what lists and counts need of every job, in memory
    library      templates, presets, projects, former prompts
    orders       presses taken in, and the credits held for them
    turns        whose turn it is to send; which server follows which job
    brakes       new jobs wait after an incident, and one careful try lifts that
    database     opened, read and written; a job's guarded move
    schema       the tables
    query        what is looked for, and how an address says it
    fulltext     prompts found by the beginnings of their words
    archive      many pictures as one zip, written as it is read
    listing      jobs as rows, for spreadsheets and scripts
    files        bytes on disk
    receipts     what a picture's copy says of itself, and what is believed of that
    inlays       a text laid into a picture's file, beside its pixels
    mending      a picture that the service would not take, made right
    pictures     is this a picture that the service takes; thumbnails
    links        signed addresses for files
    prices       what a picture is likely to cost
    reconciliation  does the balance agree with what our jobs cost
    hub          who wants to know that something changed
    templates    what is kept to use again, and the file that templates travel in
    names        what people call themselves and their files
    jobs         a job, its states, the allowed moves
    tables       a table of requests: what each row asks for
    columns      what a table's columns are called, and how their cells are read
    cells        a table's rows as text, from a file or the clipboard
    expansion    prompts with choices and columns, written out
    generation   what can be asked for
    settings     key, hosts, folders
    errors       what can go wrong, drawn as a tree
    sandbox      a local service that speaks the same API
    drawing      the sandbox's pictures
    memory       large blocks go back to the system

Imports point down this list, never up, and nothing here imports Streamlit.
"""
