/**
 * Messages of the PostgreSQL wire protocol, version 3: cut out of a stream of
 * bytes, read as far as the proxy needs, and written.
 *
 * A message is one byte of type, four bytes of length that count themselves, and
 * the body. The first messages of a client have no type (PostgreSQL manual,
 * "Message Formats").
 */

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

export interface Message {
  /** One character; `""` for a message without a type. */
  readonly type: string
  readonly body: Buffer
  /** The whole message, as it came. */
  readonly bytes: Buffer
}

/** Codes of the untyped messages; any other is the start of a session. */
export const sslRequest = 80877103
/** Answered like `sslRequest`. */
export const gssRequest = 80877104
/** Comes on a connection of its own and has no answer. */
export const cancelRequest = 80877102

/** Bytes of the longest message passed on; a longer one is a fault of the test. */
export const messageMax = 64 * 1024 * 1024

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/**
 * Takes bytes as they come and hands on each message once it is whole. Whether
 * the next message has a type is asked before each, for the answer changes.
 */
export const makeReader = (options: {
  readonly isTyped: () => boolean
  readonly onMessage: (message: Message) => void
}): ((chunk: Buffer) => void) => {
  let chunks: Array<Buffer> = []
  let size = 0
  let needed = 0
  return (chunk) => {
    chunks.push(chunk)
    size += chunk.length
    if (size < needed) return
    let rest = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    for (;;) {
      const start = options.isTyped() ? 1 : 0
      const length = rest.length < start + 4 ? 4 : rest.readInt32BE(start)
      if (length < 4 || length > messageMax) throw new RangeError(`a message of ${length} bytes`)
      needed = start + length
      if (rest.length < needed || rest.length < start + 4) break
      const bytes = rest.subarray(0, needed)
      rest = rest.subarray(needed)
      options.onMessage({
        type: start === 1 ? String.fromCharCode(bytes[0] ?? 0) : "",
        body: bytes.subarray(start + 4),
        bytes
      })
    }
    chunks = [rest]
    size = rest.length
  }
}

/** The zero-terminated texts a body begins with. */
export const texts = (body: Buffer, count: number): ReadonlyArray<string> => {
  const found: Array<string> = []
  let at = 0
  for (let n = 0; n < count; n += 1) {
    const end = body.indexOf(0, at)
    found.push(body.toString("utf8", at, end))
    at = end + 1
  }
  return found
}

// -----------------------------------------------------------------------------
// writing
// -----------------------------------------------------------------------------

/** A message of a type, its body made of texts (zero-terminated) and bytes. */
export const encode = (type: string, ...parts: ReadonlyArray<string | Buffer>): Buffer => {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(`${part}\0`) : part)))
  const head = Buffer.alloc(5)
  head.write(type, "latin1")
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** What `encode` has written, or any other one message that has a type. */
export const decode = (bytes: Buffer): Message => ({
  type: bytes.toString("latin1", 0, 1),
  body: bytes.subarray(5),
  bytes
})

/**
 * The messages that execute a statement without parameters under a name of
 * their own, in place of an `Execute`. They leave the client's statements and
 * portals as they are.
 */
export const executing = (statement: string, name: string): ReadonlyArray<Buffer> => [
  encode("C", Buffer.from("S"), name),
  encode("P", name, statement, Buffer.alloc(2)),
  encode("B", name, name, Buffer.alloc(6)),
  encode("E", name, Buffer.alloc(4))
]
