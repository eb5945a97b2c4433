// Uploads of models by parts. What has arrived is known to the server by its digest, and is not sent again.
"use strict";

(() => {
  const AT_ONCE = 3;
  const ATTEMPTS = 5;
  let running = null; // of one page at a time

  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const digest = async (buffer) => hex(await crypto.subtle.digest("SHA-256", buffer));
  const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
  const words = (bytes) => {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    for (; bytes >= 1024 && unit < units.length - 1; unit += 1) bytes /= 1024;
    return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
  };
  const time = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);

  class Stopped extends Error {}

  class Upload {
    constructor(page, files) {
      this.page = page;
      this.files = files;
      this.stop = new AbortController();
      this.total = files.reduce((sum, [, file]) => sum + file.size, 0);
      this.done = 0;
      this.sent = 0;
      this.began = performance.now();
    }

    async call(path, body, type) {
      for (let attempt = 1; ; attempt += 1) {
        if (!this.page.isConnected || this.stop.signal.aborted) throw new Stopped();
        let problem = "The server cannot be reached.";
        let again = true;
        try {
          const answer = await fetch(this.page.dataset.upload + path, {
            method: body === undefined ? "GET" : "POST",
            body,
            headers: { "X-CSRF-Token": this.page.dataset.csrf, "Content-Type": type, "HX-Request": "true", Accept: "application/json" },
            signal: this.stop.signal,
          });
          if (answer.ok && answer.headers.get("Content-Type").startsWith("application/json")) return await answer.json();
          const shown = new DOMParser().parseFromString(await answer.text(), "text/html");
          problem = shown.body.textContent.trim() || "You are signed out: sign in, and come back to this page.";
          again = answer.status >= 500 || answer.status === 429;
        } catch (error) {
          if (error.name === "AbortError") throw new Stopped();
        }
        if (!again || attempt === ATTEMPTS) throw new Error(problem);
        await wait(500 * 2 ** attempt);
      }
    }

    async run() {
      this.publish.disabled = true; // what is published by now would lack the rest
      this.show("checking what has arrived");
      const arrived = await this.call("/arrived", undefined, "application/json");
      const sessions = [];
      for (const [path, file] of this.files) {
        if (file.size > this.partBytes) {
          if (arrived.files[path]?.size === file.size) this.done += file.size;
          else sessions.push({ path, file, known: arrived.sessions[path], digests: [] });
        }
      }
      const jobs = this.jobs(arrived.files, sessions);
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let next = await jobs.next(); !next.done; next = await jobs.next()) await next.value();
      }));
      for (const each of sessions) {
        this.show(`assembling ${each.path}`);
        await this.call(`/sessions/${each.id}/complete?path=${encodeURIComponent(each.path)}`, JSON.stringify(each.digests), "application/json");
      }
      this.show("checking and publishing");
      this.publish.disabled = false;
      this.publish.click();
    }

    get publish() { return document.querySelector("button[data-publish]"); }

    get partBytes() { return Number(this.page.dataset.partBytes); }

    // Parts, and files that are no larger than one: one after the other, each read when its turn comes.
    async * jobs(files, sessions) {
      for (const [path, file] of this.files) {
        if (file.size <= this.partBytes) yield () => this.sendFile(path, file, files[path]);
      }
      for (const each of sessions) {
        each.id = each.known?.id ?? (await this.call(`/sessions?path=${encodeURIComponent(each.path)}`, "", "text/plain")).id;
        const size = Math.max(this.partBytes, Math.ceil(each.file.size / Number(this.page.dataset.maxParts)));
        for (let start = 0, number = 1; start < each.file.size; start += size, number += 1) {
          const slice = each.file.slice(start, start + size);
          yield () => this.sendPart(each, number, slice);
        }
      }
    }

    async sendFile(path, file, known) {
      const content = await file.arrayBuffer();
      if (known?.sha256 !== await digest(content)) {
        await this.call(`/files?path=${encodeURIComponent(path)}`, content, "application/octet-stream");
        this.sent += file.size;
      }
      this.done += file.size;
      this.show("uploading");
    }

    async sendPart(each, number, slice) {
      const content = await slice.arrayBuffer();
      const wanted = await digest(content);
      if (each.known?.parts[number]?.sha256 !== wanted) {
        const answer = await this.call(`/sessions/${each.id}/parts/${number}`, content, "application/octet-stream");
        if (answer.sha256 !== wanted) throw new Error(`Part ${number} of ${each.path} arrived changed. Upload again.`);
        this.sent += slice.size;
      }
      each.digests[number - 1] = wanted;
      this.done += slice.size;
      this.show("uploading");
    }

    show(phase) {
      const rate = this.sent / ((performance.now() - this.began) / 1000);
      const parts = [`${words(this.done)} of ${words(this.total)}`];
      if (rate > 0) parts.push(`${words(Math.round(rate))}/s`);
      if (rate > 0 && this.done < this.total) parts.push(`${time((this.total - this.done) / rate)} left`);
      const bar = this.page.querySelector("progress");
      bar.hidden = false;
      bar.max = this.total || 1;
      bar.value = this.done;
      this.page.querySelector("[data-status]").textContent = `${phase}: ${parts.join(", ")}`;
    }
  }

  const chosen = (page) => {
    const input = [...page.querySelectorAll("input[data-choice]")].find((each) => each.files.length);
    if (!input) return [];
    return [...input.files].map((file) => [file.webkitRelativePath.split("/").slice(1).join("/") || file.name, file]);
  };

  async function start(page) {
    const problem = page.querySelector("[data-problem]");
    const [go, pause] = [page.querySelector("[data-start]"), page.querySelector("[data-pause]")];
    problem.hidden = true;
    go.disabled = true;
    pause.hidden = false;
    running = new Upload(page, chosen(page));
    try {
      await running.run();
    } catch (error) {
      running.stop.abort();
      if (error instanceof Stopped) {
        page.querySelector("[data-status]").textContent = "Paused. Upload again to go on where it stopped.";
      } else {
        problem.textContent = error.message;
        problem.hidden = false;
      }
    } finally {
      running = null;
      go.disabled = false;
      pause.hidden = true;
    }
  }

  document.addEventListener("change", (event) => {
    const page = event.target.closest("[data-upload]");
    if (!page || !event.target.matches("input[data-choice]")) return;
    for (const other of page.querySelectorAll("input[data-choice]")) if (other !== event.target) other.value = "";
    const files = chosen(page);
    page.querySelector("[data-start]").disabled = !files.length || running !== null;
    page.querySelector("[data-status]").textContent = `${files.length} files, ${words(files.reduce((sum, [, file]) => sum + file.size, 0))}.`;
  });
  document.addEventListener("click", (event) => {
    const page = event.target.closest("[data-upload]");
    if (page && event.target.matches("[data-start]") && !running) start(page);
    if (page && event.target.matches("[data-pause]") && running) running.stop.abort();
  });
  window.addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
})();
