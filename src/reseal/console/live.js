// Puts in place what the server sends after the page: fragments that read differently, entries that are new.
"use strict";

(() => {
  const sign = document.getElementById("live");
  const skew = { ms: 0 };

  // --- times: how long since, how long until; only text in slots that are there already

  const spoken = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  };

  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const tick = () => {
    const now = Date.now() + skew.ms;
    for (const one of document.querySelectorAll("[data-since]")) {
      write(one, `(${spoken(now - Date.parse(one.dataset.since))})`);
    }
    for (const one of document.querySelectorAll("[data-until]")) {
      write(one, `(${spoken(Date.parse(one.dataset.until) - now)} left)`);
    }
  };

  const localTimes = (root) => {
    for (const one of root.querySelectorAll("time[datetime]")) {
      one.title = new Date(one.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  };

  // --- fragments

  const known = new Map();

  const made = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    localTimes(template.content);
    return template.content.firstElementChild;
  };

  const put = (id, html) => {
    if (known.get(id) === html) return;
    known.set(id, html);
    const fresh = made(html);
    const present = document.getElementById(id);
    if (present === null) {
      document.getElementById("list")?.append(fresh);
      return;
    }
    const link = present.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    present.replaceWith(fresh);
    if (link !== null) fresh.querySelector(`a[href="${CSS.escape(link)}"], a`)?.focus();
  };

  // The list has exactly these, in this order; what stands right is not touched.
  const arrange = (order) => {
    const list = document.getElementById("list");
    if (list === null) return;
    const wanted = order.filter((id) => id.startsWith("d-"));
    // A steady list moves nothing that somebody may reach for: what left keeps its place, what is new comes last.
    if (list.dataset.steady !== undefined) {
      for (const one of list.children) one.classList.toggle("left", !wanted.includes(one.id));
      return;
    }
    for (const one of [...list.children]) {
      if (!wanted.includes(one.id)) {
        known.delete(one.id);
        one.remove();
      }
    }
    wanted.forEach((id, place) => {
      const one = document.getElementById(id);
      if (one !== null && list.children[place] !== one) list.insertBefore(one, list.children[place] ?? null);
    });
  };

  const show = (message) => {
    const { parts, order } = JSON.parse(message.data);
    for (const [id, html] of Object.entries(parts)) put(id, html);
    arrange(order);
    tick();
  };

  const enter = (message) => {
    const fresh = made(message.data);
    if (document.getElementById(fresh.id) === null) document.getElementById("entries")?.append(fresh);
    tick();
  };

  // --- the stream

  const follow = (address) => {
    const source = new EventSource(address);
    source.addEventListener("show", show);
    source.addEventListener("entry", enter);
    source.addEventListener("clock", (message) => {
      skew.ms = Date.parse(message.data) - Date.now();
      tick();
    });
    source.onopen = () => {
      sign.className = "live on";
      write(sign, "Live");
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        sign.className = "live off";
        sign.innerHTML = '<a href="">Not live any more: refresh</a>';
      } else {
        sign.className = "live waiting";
        write(sign, "Reconnecting");
      }
    };
    window.addEventListener("pagehide", () => source.close());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) window.location.reload();
    });
  };

  for (const one of document.querySelectorAll("[data-print]")) {
    one.hidden = false;
    one.addEventListener("click", () => window.print());
  }

  localTimes(document);
  tick();
  window.setInterval(tick, 1000);
  if (sign !== null && sign.dataset.live) follow(sign.dataset.live);
})();
