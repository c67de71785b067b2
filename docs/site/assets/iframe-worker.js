// Browsers start no worker for a page that was opened from a folder, and the search is one.
// There, and only there, it runs in a hidden frame instead.
if (location.protocol === "file:") {
  const load = (inside, url) =>
    new Promise((resolve) => {
      const script = inside.document.createElement("script");
      script.src = new URL(url, document.baseURI);
      script.addEventListener("load", resolve);
      inside.document.body.appendChild(script);
    });

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      this.inside = this.frame.contentWindow;
      this.inside.postMessage = (data) => {
        const message = new MessageEvent("message", { data });
        this.dispatchEvent(message);
        if (this.onmessage) this.onmessage(message);
      };
      this.inside.importScripts = (...urls) =>
        urls.reduce((before, each) => before.then(() => load(this.inside, each)), Promise.resolve());
      this.ready = load(this.inside, url);
    }

    postMessage(data) {
      this.ready.then(() =>
        this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data })),
      );
    }

    terminate() {
      this.frame.remove();
    }
  };
}
