// The details of one item: prompt, problem, actions, tags, note, its references, and the pictures made from it.

const LONG_DETAIL = 250, NOTE_MS = 600

function createAbout(gallery, openId) {
  const shown = () => gallery.viewer.shown()
  const write = (action, text) => gallery.write(action, shown().item.id, text)
  let [saved, saving] = ["", null]
  const prompt = make("p", { class: "prompt" })
  const problem = createProblem()
  const actions = createActions(gallery, shown)
  const tags = createTags(write)
  const field = { rows: "2", maxlength: "2000", "aria-label": "Note", placeholder: "Note" }
  const saveNote = () => note.value !== saved && write("note", (saved = note.value))
  // While it is written, too, so that a reload loses nothing.
  const note = make("textarea", { ...field, oninput: () => (clearTimeout(saving), (saving = setTimeout(saveNote, NOTE_MS))), onchange: saveNote })
  const references = createSmall("References, in the order sent")
  const used = createSmall("Used as a reference for", openId)
  const facts = createFacts()
  const parts = [prompt, problem.element, actions.element, tags.element, note, references.element, used.element, facts.element]
  const element = make("div", { class: "about" }, ...parts)

  // Shows the data of the list until the details have been fetched.
  function update(item, answer) {
    setText(prompt, item.prompt)
    problem.update(item)
    actions.update(item.actions.filter((action) => action.id !== "open"), item.download)
    tags.update(answer?.tags ?? null, answer?.all_tags)
    references.update(answer?.references ?? [])
    used.update(answer?.used ?? [])
    facts.update(answer?.facts ?? item.facts)
    note.hidden = !answer
    // A note that is being edited is not overwritten.
    if (answer && note.getRootNode().activeElement !== note) note.value = saved = answer.note
  }

  return { element, update }
}

// The state of an item without a picture, or its problem, with the service's message.
function createProblem() {
  const sign = icon("")
  const name = make("strong", {})
  const text = make("p", {})
  const detail = make("p", { class: "detail" })
  const element = make("div", { class: "problem" }, sign, make("div", {}, name, text, detail))
  return {
    element,
    update(item) {
      const isNamed = !hasPicture(item)
      element.hidden = !item.problem && !isNamed
      element.dataset.tone = item.problem?.tone ?? ""
      setAttribute(sign, "data-icon", isNamed ? item.icon : item.problem?.tone)
      setText(name, isNamed ? item.label : "")
      setText(text, item.problem?.text)
      setText(detail, item.problem?.detail)
      // A text that is so long that it scrolls must be reachable by keyboard.
      setAttribute(detail, "tabindex", item.problem?.detail.length > LONG_DETAIL ? "0" : null)
    },
  }
}

// Names and values.
function createFacts() {
  const element = make("dl", { class: "facts" })
  const update = drawn((known) => {
    element.replaceChildren(...known.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]))
  })
  return { element, update }
}

// Tags: a click removes one; a field adds one.
function createTags(write) {
  // Outside of a form, Enter causes no change event.
  const events = { onchange: add, onkeydown: (event) => event.key === "Enter" && add() }
  const field = make("input", { type: "text", maxlength: "40", list: "all-tags", "aria-label": "Add a tag", placeholder: "Add a tag", ...events })
  const known = make("datalist", { id: "all-tags" })
  const list = make("span", { class: "tags" })
  const element = make("div", { class: "tagging" }, list, field, known)

  function add() {
    if (field.value.trim()) write("tag", field.value)
    field.value = ""
  }

  function createTag(tag) {
    const press = { title: "Remove this tag", "aria-label": `Remove tag ${tag}`, onclick: () => write("untag", tag) }
    return make("button", { type: "button", class: "tag", ...press }, make("span", { text: tag }), icon("close"))
  }

  const update = drawn((tags, all) => {
    element.hidden = !tags
    list.replaceChildren(...(tags ?? []).map(createTag))
    known.replaceChildren(...(all ?? []).map((tag) => make("option", { value: tag })))
  })

  return { element, update }
}

// A row of thumbnails under a heading. With `open`, a click on one shows it.
function createSmall(title, open) {
  const row = make("div", { class: "small" })
  const element = make("div", {}, make("h3", { text: title }), row)

  function createPicture({ url, alt, id }) {
    const image = make("img", { src: ownPath(url), alt, loading: "lazy" })
    return open ? make("button", { type: "button", class: "picture", onclick: () => open(id) }, image) : image
  }

  const update = drawn((pictures) => {
    element.hidden = pictures.length === 0
    row.replaceChildren(...pictures.map(createPicture))
  })
  return { element, update }
}
