// Takes pictures in: chosen, dropped anywhere on the page, or pasted. Each goes straight to the server's disk, one after
// the other, and is reported as a whole: its id, or why there is none.

function createIntake(tab) {
  // Kept as it was chosen, so that a picture that is on its way when its person looks at another page goes on.
  const waiting = []
  let [file, request, part] = [null, null, 0]

  async function send() {
    if (file.size > tab.data.bytes) return { name: file.name, size: file.size, code: "large" }
    return new Promise((settle) => {
      request = new XMLHttpRequest()
      request.open("POST", "/references")
      request.setRequestHeader("X-Studio-Name", encodeURIComponent(file.name.toWellFormed()).slice(0, 2000))
      request.responseType = "json"
      request.upload.onprogress = ({ loaded, total }) => {
        part = total > 0 ? loaded / total : 0
        show()
      }
      request.onload = () => settle({ name: file.name, ...(request.response ?? { code: "lost" }) })
      request.onerror = () => settle({ name: file.name, code: "lost" })
      request.onabort = () => settle(null)
      request.send(file)
    })
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
      const outcome = await send().catch(() => ({ name: file.name, code: "lost" }))
      if (outcome) tab.report(outcome)
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

// A picture that is dragged around on this very page comes with a file, too. The list may be drawn anew meanwhile.
let isOurOwn = false
document.addEventListener("dragstart", () => (isOurOwn = true))
document.addEventListener("dragend", () => (isOurOwn = false))

// Everything on the page that can hand files over. Returns what ends the listening.
function listenForFiles(input, veil, take) {
  const holdsFiles = ({ dataTransfer }) => !isOurOwn && dataTransfer && [...dataTransfer.types].includes("Files")

  const onChoose = () => {
    take([...input.files])
    input.value = ""
  }
  const onPaste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])]
    const field = event.composedPath()[0]
    const isText = field.matches?.("input, textarea, [contenteditable]") && event.clipboardData.types.includes("text/plain")
    if (files.length === 0 || isText) return
    event.preventDefault()
    take(files)
  }
  const onDrag = (event) => {
    if (!holdsFiles(event)) return
    event.preventDefault()
    veil.togglePopover(event.type === "dragover" || event.relatedTarget !== null)
  }
  const onDrop = (event) => {
    veil.togglePopover(false)
    if (!holdsFiles(event)) return
    event.preventDefault()
    take([...event.dataTransfer.files])
  }
  const listened = [
    [input, "change", onChoose],
    [document, "paste", onPaste],
    [document, "dragover", onDrag],
    [document, "dragleave", onDrag],
    [document, "drop", onDrop],
  ]
  listened.forEach(([target, name, hear]) => target.addEventListener(name, hear))
  // Chosen before anybody listened: the field is on the page a moment earlier than its script.
  if (input.files.length > 0) onChoose()
  return () => listened.forEach(([target, name, hear]) => target.removeEventListener(name, hear))
}
