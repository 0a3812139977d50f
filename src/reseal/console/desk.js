// Makes forms more comfortable; none needs it.
"use strict";

(() => {
  // Files may be dropped onto the field that takes them.
  for (const zone of document.querySelectorAll(".drop")) {
    const field = zone.querySelector("input[type=file]");
    if (field === null) continue;
    const mark = (over) => (event) => {
      event.preventDefault();
      zone.classList.toggle("over", over);
    };
    zone.addEventListener("dragover", mark(true));
    zone.addEventListener("dragleave", mark(false));
    zone.addEventListener("drop", (event) => {
      mark(false)(event);
      if (event.dataTransfer.files.length === 0) return;
      field.files = event.dataTransfer.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    });
    field.addEventListener("change", () => {
      const said = zone.querySelector("[data-chosen]");
      if (said !== null && field.files.length > 0) said.textContent = field.files[0].name;
    });
  }

  // One box chooses all lines of a list; it is offered only where a script can keep its word.
  for (const form of document.querySelectorAll("form[data-select]")) {
    const boxes = [...form.querySelectorAll("tbody input[type=checkbox]")];
    const head = form.querySelector("thead .box");
    if (head === null || boxes.length === 0) continue;
    const whole = document.createElement("input");
    whole.type = "checkbox";
    whole.ariaLabel = "Choose all on this page";
    head.replaceChildren(whole);
    whole.addEventListener("change", () => {
      for (const box of boxes) box.checked = whole.checked;
    });
    form.addEventListener("change", () => {
      const chosen = boxes.filter((box) => box.checked).length;
      whole.checked = chosen === boxes.length;
      whole.indeterminate = chosen > 0 && chosen < boxes.length;
    });
  }

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
})();
