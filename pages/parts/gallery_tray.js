// The tray at the foot of the window: what is selected, or being compared, and what can be done with it.

function createTray(stage) {
  const text = make("p", {})
  const actions = createActions(stage, () => ({ group: { id: "selection" }, item: null, key: null }))
  const element = make("div", { class: "tray", role: "group", "aria-label": "Chosen pictures" }, text, actions.element)
  const plain = { help: "", menu: false, primary: false, copy: null, closes: false }
  const own = (id, label, symbol) => ({ ...plain, id, label, icon: symbol })

  function offered() {
    const chosen = stage.selection.chosen()
    if (chosen.length > 0) {
      const compared = chosen.filter(({ item }) => hasPicture(item)).length
      const compare = own("compare-selection", "Compare", "compare")
      const isFew = compared >= 2 && compared <= MOST_COMPARED && compared === chosen.length
      const all = own("select-all", "Select all", "select_all")
      const clear = own("select-none", "Clear", "close")
      const rest = chosen.length < stage.entries.length ? [all, clear] : [clear]
      const first = isFew ? [compare] : []
      return { told: `${chosen.length} selected`, row: [...first, ...stage.data.selectionActions, ...rest] }
    }
    const comparing = stage.comparing.length
    if (comparing === 0) return null
    const told = comparing === 1 ? "Comparing: choose another" : `Comparing ${comparing}: choose another`
    return { told, row: [own("compare-none", "Stop comparing", "close")] }
  }

  function show() {
    const offer = offered()
    element.hidden = !offer
    if (!offer) return
    setText(text, offer.told)
    actions.update(offer.row)
  }

  return { element, show }
}
