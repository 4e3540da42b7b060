// What a form cannot do by itself: take a dropped folder, and show how much of
// an upload is sent. All else works without this.
(() => {
  document.documentElement.classList.add("script");
  const form = document.getElementById("upload");
  if (!form) return;
  const at = (id) => document.getElementById(id);
  const drop = at("drop"), chosen = at("chosen"), problem = at("upload-problem");
  let dropped = null; // [{path, file}], instead of what the inputs hold

  const sizeOf = (n) => n > 1048576 ? (n / 1048576).toFixed(1) + " MB" : Math.ceil(n / 1024) + " kB";
  const tell = (files) => {
    const size = files.reduce((sum, f) => sum + f.file.size, 0);
    chosen.textContent = files.length === 0 ? "" : (files.length === 1 ? files[0].path : files.length + " files") + ", " + sizeOf(size);
    problem.hidden = true;
  };
  const fromInputs = () => ["folder", "archive"].flatMap((id) =>
    [...at(id).files].map((file) => ({ path: file.webkitRelativePath || file.name, file, archive: id === "archive" })));

  for (const id of ["folder", "archive"]) {
    at(id).addEventListener("change", () => {
      dropped = null;
      at(id === "folder" ? "archive" : "folder").value = "";
      tell(fromInputs());
    });
  }
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (e) => { e.preventDefault(); drop.classList.add("over"); });
  }
  drop.addEventListener("dragleave", (e) => { if (!drop.contains(e.relatedTarget)) drop.classList.remove("over"); });
  drop.addEventListener("drop", async (e) => {
    e.preventDefault();
    drop.classList.remove("over");
    const entries = [...e.dataTransfer.items].map((i) => i.webkitGetAsEntry && i.webkitGetAsEntry()).filter(Boolean);
    try {
      dropped = (await Promise.all(entries.map((entry) => walk(entry, "")))).flat();
    } catch {
      return fail("The folder cannot be read.");
    }
    at("folder").value = at("archive").value = "";
    tell(dropped);
  });

  // walk returns the files below an entry, with their paths from where it was dropped.
  async function walk(entry, base) {
    const path = base + entry.name;
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      return [{ path, file, archive: base === "" && /\.zip$/i.test(path) }];
    }
    const reader = entry.createReader(), out = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (some.length === 0) return out;
      for (const sub of some) {
        if (!sub.name.startsWith(".")) out.push(...await walk(sub, path + "/"));
      }
    }
  }

  function fail(text) {
    problem.textContent = text;
    problem.hidden = false;
    at("progress").hidden = true;
    form.querySelector("button[type=submit]").disabled = false;
  }

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const files = dropped || fromInputs();
    if (files.length === 0) return fail("Choose a folder or a .zip first.");
    const size = files.reduce((sum, f) => sum + f.file.size, 0);
    if (size > Number(form.dataset.most)) return fail("This is more than the server takes: " + sizeOf(Number(form.dataset.most)) + ".");
    const body = new FormData(form);
    body.delete("files");
    body.delete("archive");
    for (const f of files) body.append(f.archive ? "archive" : "files", f.file, f.path);

    const request = new XMLHttpRequest();
    at("progress").hidden = false;
    problem.hidden = true;
    form.querySelector("button[type=submit]").disabled = true;
    request.upload.addEventListener("progress", (p) => {
      if (!p.lengthComputable) return;
      const percent = Math.floor(100 * p.loaded / p.total);
      at("bar").value = percent;
      at("percent").textContent = percent < 100 ? percent + " %" : "";
      at("sent").textContent = percent < 100 ? "" : "sent; the plan is made"; // said aloud once, unlike the numbers
    });
    request.addEventListener("error", () => fail("The server cannot be reached. Nothing was changed."));
    request.addEventListener("load", () => show(request.responseText));
    request.open("POST", form.action);
    request.send(body);
  });

  // show puts the answer, which is a whole page, in the place of this one.
  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    document.title = page.title;
    document.body.replaceWith(document.adoptNode(page.body));
    window.scrollTo(0, 0);
    document.getElementById("main").focus();
  }
})();
