// The "More" menu, with the keys of a native one: arrows, Home, End and letters. The browser opens and closes it.

const CHOICE = { class: "choice", role: "menuitem", tabindex: "-1" }

function createMore(press) {
  const views = new Map()
  const menu = make("div", { role: "menu", popover: "auto", class: "menu", "aria-label": "More" })
  const named = { "aria-label": "More", title: "More", "aria-haspopup": "menu" }
  const opener = make("button", { type: "button", class: "button", ...named }, icon("more_horiz"))
  const element = make("span", { class: "more" }, opener, menu)
  const isOpen = () => menu.matches(":popover-open")
  let [actions, isFromBelow] = [[], false]
  opener.popoverTargetElement = menu

  function choose(action, { detail }) {
    menu.hidePopover()
    press(action, { currentTarget: opener, detail })
  }

  // There is a menu for each picture, so the choices are created when it opens.
  const draw = () => keyed(menu, actions, views, (action) => action.id, () => createButton(choose, CHOICE))

  function toChoose(key, now) {
    const all = [...menu.children]
    const at = { ArrowDown: now + 1, ArrowUp: now - 1 + all.length, Home: 0, End: all.length - 1 }[key]
    if (at !== undefined) return all[at % all.length]
    const turned = [...all.slice(now + 1), ...all.slice(0, now + 1)]
    return key.length === 1 && turned.find((choice) => choice.textContent.toLowerCase().startsWith(key.toLowerCase()))
  }

  menu.addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "open") draw()
    else if (menu.contains(menu.getRootNode().activeElement)) opener.focus()
  })
  menu.addEventListener("toggle", () => {
    if (isOpen()) menu.children[isFromBelow ? menu.children.length - 1 : 0].focus()
    isFromBelow = false
  })
  menu.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (event.key === "Tab") return menu.hidePopover()
    const to = event.key !== " " && toChoose(event.key, [...menu.children].indexOf(event.target))
    if (!to) return
    event.preventDefault()
    to.focus()
  })
  opener.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    event.preventDefault()
    event.stopPropagation()
    isFromBelow = event.key === "ArrowUp"
    opener.click()
  })
  return {
    element,
    update(row) {
      actions = row.actions
      if (isOpen()) draw()
    },
  }
}
