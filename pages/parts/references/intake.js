// Uploads pictures that are chosen, dropped anywhere on the page, or pasted, one after the other, to the server's disk.

const TEXT_FIELDS = "input:not([type=file]), textarea, [contenteditable]"
const FOLDER = "It is a folder: open it, and drop the pictures in it."
const LINK = "It is a link, not a picture: open it, save the picture, and add the file."

function createIntake(tab) {
  // Files, and outcomes of dropped items that are no files. Outlives the page, so that uploads continue on another one.
  const waiting = []
  let [file, request, part] = [null, null, 0]

  async function send() {
    const { limit, full, bytes } = tab.data
    if (!(file instanceof File)) return file
    if (tab.ids.length >= limit) return { name: file.name, refusal: full }
    if (file.size > bytes) return { name: file.name, refusal: `Up to ${bytes / 2 ** 20} MB are converted to fit: save it smaller.` }
    const headers = { "X-Studio-Name": encodeURIComponent(file.name.toWellFormed()).slice(0, 2000) }
    const outcome = await upload("references", file, { headers, begin: (begun) => (request = begun), show: (sent) => show((part = sent)) })
    return outcome && { name: file.name, ...outcome }
  }

  function show() {
    const more = waiting.length > 0 ? `, ${waiting.length} more to come` : ""
    const step = part === 1 ? "Looking at" : "Adding"
    tab.view.showAdding(file && { text: `${step} ${file.name}${more}`, part })
  }

  async function takeAll() {
    tab.setBusy(true)
    while (waiting.length > 0) {
      file = waiting.shift()
      part = 0
      show()
      tab.view.say(`Adding ${file.name}`)
      const outcome = await send().catch(() => ({ name: file.name, refusal: LOST }))
      if (outcome) tab.add(outcome)
    }
    file = null
    show()
    tab.setBusy(false)
  }

  function take(files) {
    waiting.push(...files)
    if (!tab.busy) takeAll()
  }

  function stop() {
    waiting.length = 0
    request?.abort()
    tab.view.say("Stopped; what was added already stays")
  }

  return { take, stop, show }
}

// The files of a drop, and an outcome for each folder; of a drop without files, an outcome for its link.
function contentOf(carried) {
  const items = [...carried.items].filter(({ kind }) => kind === "file")
  const found = items.map((item) => {
    const entry = item.webkitGetAsEntry()
    return entry?.isDirectory ? { name: entry.name, refusal: FOLDER } : item.getAsFile()
  })
  const link = carried.getData("text/uri-list").split("\n")[0].trim()
  return found.length > 0 || !link ? found.filter(Boolean) : [{ name: link, refusal: LINK }]
}

// Dragging a picture of this page also carries a file.
let isOurOwn = false
document.addEventListener("dragstart", () => (isOurOwn = true))
document.addEventListener("dragend", () => (isOurOwn = false))

// The file field. Its listener stays after the page has replaced the field, because its dialog may still be open.
function listenToField(input, take) {
  const onChoose = () => {
    if (input.files.length > 0) take([...input.files])
    input.value = ""
  }
  input.addEventListener("change", onChoose)
  // Files that were chosen before the script was loaded.
  onChoose()
}

// Pictures that are dropped on the page or pasted. Returns a function that removes the listeners.
function listenToPage(veil, take) {
  const holds = (event, type) => !isOurOwn && Boolean(event.dataTransfer?.types.includes(type))
  const isInText = (event) => Boolean(event.composedPath()[0].matches?.(TEXT_FIELDS))
  // A link that is dropped into a text field is text.
  const isMeant = (event) => holds(event, "Files") || (holds(event, "text/uri-list") && !isInText(event))

  const onPaste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])]
    const isText = isInText(event) && event.clipboardData.types.includes("text/plain")
    if (files.length === 0 || isText) return
    event.preventDefault()
    take(files)
  }
  const onDrag = (event) => {
    if (!isMeant(event)) return
    event.preventDefault()
    if (holds(event, "Files")) veil.togglePopover(event.type === "dragover" || event.relatedTarget !== null)
  }
  const onDrop = (event) => {
    veil.togglePopover(false)
    if (!isMeant(event)) return
    event.preventDefault()
    take(contentOf(event.dataTransfer))
  }
  const listened = [
    ["paste", onPaste],
    ["dragover", onDrag],
    ["dragleave", onDrag],
    ["drop", onDrop],
  ]
  listened.forEach(([name, hear]) => document.addEventListener(name, hear))
  return () => listened.forEach(([name, hear]) => document.removeEventListener(name, hear))
}
