/* A page that is opened as a file may start no worker: the search of the site then runs in a hidden frame. */
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      this.inner = frame.contentWindow
      this.inner.document.open()
      this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      this.inner.document.write("<body></body>")
      this.inner.document.close()
      const script = this.inner.document.createElement("script")
      this.isReady = new Promise((resolve) => (script.onload = resolve))
      script.src = url
      this.inner.document.body.append(script)
    }

    postMessage(data) {
      this.isReady.then(() => this.inner.dispatchEvent(new MessageEvent("message", { data })))
    }

    terminate() {}
  }
  window.Worker = window.IFrameWorker
}
