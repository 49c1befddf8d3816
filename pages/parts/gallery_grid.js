// The grid: rows of pictures in their true shapes; arrows move between them, Space selects, Enter opens.

function createTile(stage, key) {
  const place = createPlace(onPress, true)
  const prompt = make("p", { class: "prompt" })
  const meta = make("p", { class: "meta" })
  const box = make("input", { type: "checkbox" })
  const check = make("label", { class: "check" }, box)
  const overlay = make("div", { class: "overlay" }, prompt, meta)
  const element = make("li", { class: "tile", "data-key": key }, place.element, overlay, check)

  box.addEventListener("click", (event) => stage.choose(key, box.checked, event.shiftKey))

  // A press with Shift takes the whole range, with Ctrl or Cmd this one; else it opens.
  function onPress({ shiftKey, ctrlKey, metaKey }) {
    if (stage.data.selectable && (shiftKey || ctrlKey || metaKey)) stage.choose(key, !stage.isSelected(key), shiftKey)
    else stage.open(key, place.opener())
  }

  function update({ item, isNewData }) {
    place.update(item, isNewData)
    element.style.setProperty("--ratio", String(Math.min(2.6, Math.max(0.45, item.width / item.height || 1))))
    setText(prompt, item.prompt)
    setText(meta, item.meta)
    check.hidden = !stage.data.selectable
    box.checked = stage.isSelected(key)
    setAttribute(box, "aria-label", `Select: ${item.prompt.slice(0, 100)}`)
    element.classList.toggle("is-selected", box.checked)
    showFocus()
  }

  // One stop for the Tab key in the whole grid: from there on arrows lead.
  function showFocus() {
    const reached = stage.reached() === key ? "0" : "-1"
    setAttribute(place.opener(), "tabindex", reached)
    setAttribute(box, "tabindex", reached)
  }

  return { element, update, showFocus, tick: place.tick, opener: place.opener }
}

const SAME_ROW_PX = 4

function listenToGrid(stage, groups) {
  const tileOf = (event) => (stage.data.layout === "grid" ? event.target.closest(".tile") : null)
  const isSelecting = (event) => event.key === " " && event.target.type !== "checkbox" && stage.data.selectable
  const middle = ({ left, right }) => (left + right) / 2

  function neighbour(from, key) {
    const tiles = [...groups.querySelectorAll(".tile")]
    const at = tiles.indexOf(from)
    if (key === "ArrowLeft") return tiles[at - 1]
    if (key === "ArrowRight") return tiles[at + 1]
    if (key === "Home") return tiles[0]
    if (key === "End") return tiles.at(-1)
    return inNextRow(tiles, from, key === "ArrowDown" ? 1 : -1)
  }

  function inNextRow(tiles, from, way) {
    const here = from.getBoundingClientRect()
    const placed = tiles.map((tile) => ({ tile, at: tile.getBoundingClientRect() }))
    const beyond = placed.filter(({ at }) => way * (at.top - here.top) > SAME_ROW_PX)
    const row = Math.min(...beyond.map(({ at }) => way * at.top))
    const inRow = beyond.filter(({ at }) => way * at.top - row < SAME_ROW_PX)
    const away = ({ at }) => Math.abs(middle(at) - middle(here))
    return inRow.sort((one, other) => away(one) - away(other))[0]?.tile
  }

  const moves = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"])
  groups.addEventListener("keydown", (event) => {
    const tile = tileOf(event)
    if (!tile || event.altKey || event.metaKey || event.ctrlKey) return
    if (moves.has(event.key)) {
      event.preventDefault()
      const to = neighbour(tile, event.key)
      if (to) stage.reach(to.dataset.key, true)
    } else if (isSelecting(event)) {
      event.preventDefault()
      stage.choose(tile.dataset.key, !stage.isSelected(tile.dataset.key), event.shiftKey)
    }
  })
  // Some browsers press a button when Space comes up again, whatever was done about its going down.
  groups.addEventListener("keyup", (event) => {
    if (tileOf(event) && isSelecting(event)) event.preventDefault()
  })
  groups.addEventListener("focusin", (event) => {
    const tile = tileOf(event)
    if (tile) stage.reach(tile.dataset.key, false)
  })
}

// What is chosen, in the order of the page, and how that is told to the server.
function createSelection(stage) {
  let [ids, taken, anchor] = [new Set(), null, null]

  const idOf = (key) => stage.find(key).item.id
  const isSelected = (key) => ids.has(idOf(key))
  const chosen = () => stage.entries.filter(({ item }) => ids.has(item.id))

  // The server's word counts where it is newer than what was chosen here.
  function take({ session, revision, selected }) {
    if (taken?.session === session && taken.revision === revision) return
    ;[ids, taken, anchor] = [new Set(selected), { session, revision }, null]
  }

  function choose(key, isWanted, isRange) {
    const keys = stage.entries.map((entry) => entry.key)
    const [from, to] = [keys.indexOf(isRange && stage.find(anchor) ? anchor : key), keys.indexOf(key)]
    const range = keys.slice(Math.min(from, to), Math.max(from, to) + 1).map(idOf)
    anchor = key
    set(isWanted ? [...ids, ...range] : [...ids].filter((id) => !range.includes(id)))
  }

  function set(next) {
    ids = new Set(next)
    stage.setStateValue("selection", { ids: [...ids], ...taken })
    stage.redraw()
    stage.say(`${chosen().length} selected`)
  }

  const clear = () => set([])
  const all = () => set(stage.entries.map(({ item }) => item.id))
  return { take, choose, isSelected, chosen, clear, all }
}
