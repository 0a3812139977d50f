// Shows what the laptop shows now, and sends what a person does, without loading the page anew.
"use strict";

(() => {
  const notice = document.getElementById("notice");

  const say = (text) => {
    notice.textContent = text;
    notice.hidden = text === "";
  };

  // --- what is shown

  const made = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  // Who was in the display stays there: at the same control if there is one, else at the display itself.
  const put = (id, html) => {
    const present = document.getElementById(id);
    const fresh = made(html);
    if (present === null || present.isEqualNode(fresh)) return;
    const active = document.activeElement;
    const isInside = active !== null && present.contains(active);
    const same = isInside && (active.id ? `#${CSS.escape(active.id)}`
      : active.name ? `${active.tagName}[name="${CSS.escape(active.name)}"][value="${CSS.escape(active.value)}"]` : "");
    present.replaceWith(fresh);
    if (id === "screen") say("");
    if (!isInside) return;
    const again = same ? fresh.querySelector(same) : null;
    (again ?? fresh.querySelector("select, input:not([type=hidden]), button") ?? fresh).focus({ preventScroll: true });
  };

  const source = new EventSource("/live");
  source.addEventListener("show", (message) => {
    for (const [id, html] of Object.entries(JSON.parse(message.data))) put(id, html);
  });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) say("The laptop's program has ended. Start it again, then reload.");
  };
  source.onopen = () => say("");
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  // --- what is done

  const send = async (address, body) => {
    const answer = await fetch(address, {
      method: "POST", body, headers: { "X-Reseal-Script": "1" }, redirect: "manual",
    }).catch(() => null);
    if (answer === null) say("The laptop's program does not answer.");
  };

  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    event.preventDefault();
    const data = new URLSearchParams(new FormData(form, button));
    void send(button?.getAttribute("formaction") ?? form.getAttribute("action"), data);
  });

  // The Windows key, where the system leaves it to pages.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Meta" && !event.repeat) void send("/windows-key", new URLSearchParams());
  });
})();
