// The prompt and the button beside it. The text is kept by the browser; the server replaces it only with a new revision.
//
// The text is sent to the server after a pause in typing, when the field loses the focus, and with each submission (outbox.js).

const REST_MS = 600
// A label that was shown for a shorter time than this has not been read: the one before counts.
const READ_MS = 400

function createPrompt(root) {
  const find = (selector) => root.querySelector(selector)
  const [field, count, button, label, fault] = ["textarea", ".count", "button", ".label", ".fault"].map(find)
  const prompt = { show, leave: () => clearTimeout(resting) }
  let [data, session, revision, sent, resting, isTouched] = [null, null, null, null, null, false]
  let says = { now: null, since: 0, before: null }

  const store = () => write(PROMPT, { text: field.value, revision, session, isTouched })

  function measure() {
    const length = [...field.value].length
    count.textContent = `${length.toLocaleString("en")} / ${data.limit.toLocaleString("en")}`
    count.classList.toggle("over", length > data.limit)
    count.setAttribute("aria-label", `${count.textContent} characters`)
    field.style.height = "auto"
    field.style.height = `${Math.min(field.scrollHeight + 2, innerHeight * 0.3)}px`
  }

  function send(isShown) {
    clearTimeout(resting)
    if (field.value === sent && isShown !== true) return
    sent = field.value
    prompt.port.setStateValue("typed", { text: sent, revision, session })
  }

  function onInput() {
    isTouched = true
    store()
    measure()
    clearTimeout(resting)
    resting = setTimeout(send, REST_MS)
  }

  function submit() {
    if (button.getAttribute("aria-disabled") === "true" || !window.studioOutbox) return
    clearTimeout(resting)
    const said = performance.now() - says.since < READ_MS && says.before ? says.before : says.now
    sent = field.value
    const form = { ...read(FORM), references: read(REFERENCES) ?? [] }
    window.studioOutbox.add({ text: sent, revision, session, says: said, form })
  }

  function onKey(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.repeat) return
    event.preventDefault()
    submit()
  }

  // What was typed in this tab and not sent yet: before a change of page, or, in a new session, before a reload.
  function unsent() {
    const last = read(PROMPT) ?? {}
    const isCurrent = last.revision === revision || (data.isRestored && last.isTouched)
    const isOurs = last.session === session ? isCurrent : revision === 0 && !data.value
    return isOurs ? last.text : undefined
  }

  function adopt() {
    const [isNew, isNewSession] = [session === null, session !== data.session]
    const isReplaced = !isNewSession && revision !== data.revision
    ;[session, revision] = [data.session, data.revision]
    if (isNewSession || isReplaced) sent = data.value
    if (isNew) field.value = unsent() ?? data.value
    else if (isReplaced && !(data.isRestored && isTouched)) field.value = data.value
    if (isNewSession || isReplaced) store()
    // The server puts the text in again until the browser reports that it is shown.
    if (isReplaced || (isNewSession && revision > 0)) return send(true)
    if (field.value !== sent && root.activeElement !== field) send()
  }

  function show(next) {
    data = next
    adopt()
    const { text, says: saysNow, disabled } = data.button
    if (JSON.stringify(saysNow) !== JSON.stringify(says.now)) says = { now: saysNow, since: performance.now(), before: says.now }
    if (label.textContent !== text) label.textContent = text
    button.setAttribute("aria-disabled", String(disabled))
    if (fault.textContent !== data.fault) fault.textContent = data.fault
    fault.title = data.fault
    field.setAttribute("aria-invalid", String(Boolean(data.fault)))
    measure()
  }

  // Read-only before, so that no letter is typed that nobody keeps. Other fields use the keys of this one themselves.
  Object.assign(field, { readOnly: false, oninput: onInput, onkeydown: onKey })
  // A click on the button sends the text itself, and a link opens another page, on which only the browser needs it.
  field.addEventListener("blur", ({ relatedTarget: next }) => (next?.closest("a") ? clearTimeout(resting) : next !== button && send()))
  button.addEventListener("click", (event) => event.detail < 2 && submit())
  return prompt
}

export default inOrder(({ data, setStateValue, parentElement }) => {
  const prompt = (parentElement.studioPrompt ??= createPrompt(parentElement))
  prompt.port = { setStateValue }
  prompt.show(data)
  return prompt.leave
})
