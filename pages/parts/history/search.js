// The words to search for. The server hears of them when their writer rests; "/" comes here from anywhere on the page.

const REST_MS = 300

function createSearch(field) {
  const search = { tell: null }
  let [told, resting] = [field.value, null]

  function tell() {
    clearTimeout(resting)
    if (field.value !== told) search.tell((told = field.value))
  }

  function onKey(event) {
    if (event.key !== "/" || isTyping(event) || !isPlain(event)) return
    event.preventDefault()
    field.focus()
  }

  field.addEventListener("input", () => {
    clearTimeout(resting)
    resting = setTimeout(tell, REST_MS)
  })
  field.addEventListener("change", tell)
  search.listen = () => document.addEventListener("keydown", onKey)
  search.leave = () => document.removeEventListener("keydown", onKey)
  return search
}

export default function ({ data, setStateValue, parentElement }) {
  const field = parentElement.querySelector("input")
  if (!parentElement.studioSearch) field.value = data.text
  const search = (parentElement.studioSearch ??= createSearch(field))
  const tell = (text) => setStateValue("text", text)
  search.tell = tell
  search.listen()
  // The end of a call may come after the next one has begun, and must not end that.
  return () => search.tell === tell && search.leave()
}
