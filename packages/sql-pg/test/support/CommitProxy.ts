/**
 * A proxy between a PostgreSQL client and its server that reads what passes and
 * makes it go wrong on demand (`Fault`), at exactly the message a test names. It
 * also counts round trips and commits, for tests of cost.
 *
 * Every connection to the proxy is one connection to the server. A connection
 * lost on one side is lost on the other, unless it is a black hole: then neither
 * side learns of the other's end. Encryption is refused, as by a server without
 * it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as Conversation from "./Conversation.ts"
import * as Fault from "./Fault.ts"
import * as Wire from "./Wire.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What passed since the proxy started; all start at 0. */
export interface Counters {
  readonly connections: number
  /** Messages of clients, the start of a session included. */
  readonly messages: number
  /** Times a client asked and had to wait: `Sync`, `Flush`, simple queries. */
  readonly roundTrips: number
  /** Transactions begun, as the server confirmed. */
  readonly transactions: number
  /** Commits that the server confirmed, heard by the client or not. */
  readonly commits: number
}

export interface CommitProxy {
  /** The target's address, through the proxy. */
  readonly url: string
  /** Any address on the target's server, through the proxy. */
  readonly through: (url: string) => string
  readonly arm: (fault: Fault.Fault, trigger?: Fault.Trigger) => Effect.Effect<Fault.Armed>
  /** How often any fault fired. */
  readonly fired: Effect.Effect<number>
  /** Cuts every open connection; answers how many there were. */
  readonly cutAll: Effect.Effect<number>
  readonly counters: Effect.Effect<Counters>
  readonly roundTrips: Effect.Effect<number>
  readonly commits: Effect.Effect<number>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Listens on 127.0.0.1 until the scope closes, which cuts what is still open. */
export const make = (options: {
  /** Address of the server. */
  readonly target: string
}): Effect.Effect<CommitProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const target = new URL(options.target)
    const hub: Hub = { target, faults: Fault.make(), links: new Set(), sockets: new Set(), counters: { ...zero } }
    const server = net.createServer({ noDelay: true }, (client) => link(hub, client))
    const port = yield* Effect.acquireRelease(listen(server), () => close(server, hub))
    const through = (url: string) => {
      const address = new URL(url)
      address.host = `127.0.0.1:${port}`
      return address.href
    }
    const counted = <A>(read: (counters: Counters) => A) => Effect.sync(() => read({ ...hub.counters }))
    return {
      url: through(options.target),
      through,
      arm: (fault, trigger) => Effect.sync(() => hub.faults.arm(fault, trigger)),
      fired: Effect.sync(() => hub.faults.fired()),
      cutAll: Effect.sync(() => {
        const open = [...hub.links]
        for (const each of open) each.cut()
        return open.length
      }),
      counters: counted((counters) => counters),
      roundTrips: counted((counters) => counters.roundTrips),
      commits: counted((counters) => counters.commits)
    }
  })

// -----------------------------------------------------------------------------
// internal: the proxy
// -----------------------------------------------------------------------------

interface Hub {
  readonly target: URL
  readonly faults: Fault.Faults
  /** What is open, black holes included. */
  readonly links: Set<Link>
  /** Until they are closed, which may be long after a cut: a busy server looks at its client late. */
  readonly sockets: Set<net.Socket>
  readonly counters: { -readonly [K in keyof Counters]: Counters[K] }
}

interface Link {
  readonly cut: () => void
}

const zero: Counters = { connections: 0, messages: 0, roundTrips: 0, transactions: 0, commits: 0 }

const listen = (server: net.Server) =>
  Effect.callback<number>((resume) => {
    server.once("error", (error) => resume(Effect.die(error)))
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (address !== null && typeof address === "object") resume(Effect.succeed(address.port))
    })
  })

const close = (server: net.Server, hub: Hub) =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    for (const each of hub.sockets) each.destroy()
  })

// -----------------------------------------------------------------------------
// internal: one connection
// -----------------------------------------------------------------------------

/** What the proxy remembers about a message until its answer has come. */
interface Note {
  /** Types of the answers that the client hears; `undefined` means all. */
  readonly heard: string | undefined
  /** To fire when the answer says that it committed. */
  readonly claim: Fault.Claim | undefined
}

const link = (hub: Hub, client: net.Socket): void => {
  const server = net.connect({ host: hub.target.hostname, port: Number(hub.target.port || 5432), noDelay: true })
  let isOpen = true
  let isSilent = false
  const self: Link = {
    cut: () => {
      isOpen = false
      hub.links.delete(self)
      // What was passed on before the cut still arrives, and no answer is waited for.
      server.end()
      server.resume()
      client.destroy()
    }
  }
  hub.links.add(self)
  hub.counters.connections += 1
  const flow: Flow = {
    connection: hub.counters.connections,
    conversation: Conversation.make<Note>(),
    toServer: (bytes) => server.write(bytes),
    toClient: (bytes) => client.write(bytes),
    cut: self.cut,
    silence: () => {
      isSilent = true
    },
    isPassing: () => isOpen && !isSilent
  }
  for (const socket of [client, server]) {
    hub.sockets.add(socket)
    // A socket tells its errors again by closing.
    socket.on("error", () => socket.destroy())
    socket.on("close", () => {
      hub.sockets.delete(socket)
      if (!isSilent) self.cut()
    })
  }
  pipe(client, server, fromClient(hub, flow), flow)
  pipe(server, client, fromServer(hub, flow), flow)
}

/** Where the messages of one connection go. */
interface Flow {
  readonly connection: number
  readonly conversation: Conversation.Conversation<Note>
  readonly toServer: (bytes: Buffer) => void
  readonly toClient: (bytes: Buffer) => void
  readonly cut: () => void
  readonly silence: () => void
  /** `false` once it is cut or silent. */
  readonly isPassing: () => boolean
}

/** Reads one side, no faster than the other takes it. */
const pipe = (from: net.Socket, to: net.Socket, read: (chunk: Buffer) => void, flow: Flow): void => {
  from.on("data", (chunk: Buffer) => {
    if (!flow.isPassing()) return
    to.cork()
    read(chunk)
    to.uncork()
    if (to.writableNeedDrain) {
      from.pause()
      to.once("drain", () => from.resume())
    }
  })
}

/**
 * The messages of a query reach the server together, when the client asks for
 * the answers: so a query is lost or passed on as a whole, as in one packet.
 */
const fromClient = (hub: Hub, flow: Flow) => {
  let isStarted = false
  let count = 0
  let held: ReadonlyArray<readonly [Wire.Message, Note]> = []
  const release = () => {
    for (const [message, note] of held) {
      flow.conversation.send(message, note)
      flow.toServer(message.bytes)
    }
    held = []
  }
  const take = (message: Wire.Message) => {
    const statement = message.type === "" ? undefined : flow.conversation.read(message)
    const claim = hub.faults.claim({ connection: flow.connection, message: count, statement })
    switch (claim?.fault._tag) {
      case undefined:
      case "DropAfterCommit":
        held = [...held, [message, { heard: undefined, claim }]]
        return
      case "InjectError":
        held = [...held, ...substitutes(message, Fault.raising(claim.fault), Fault.isCommit(statement ?? ""))]
        break
      case "CutAtMessage":
        release()
        flow.cut()
        break
      case "DropBeforeCommit":
        flow.cut()
        break
      case "Blackhole":
        flow.silence()
    }
    claim.fire()
  }
  return Wire.makeReader({
    isTyped: () => isStarted,
    onMessage: (message) => {
      if (!flow.isPassing()) return
      if (!isStarted) {
        const code = message.body.readInt32BE(0)
        if (code === Wire.sslRequest || code === Wire.gssRequest) return flow.toClient(Buffer.from("N"))
        isStarted = code !== Wire.cancelRequest
      }
      count += 1
      hub.counters.messages += 1
      if (message.type === "S" || message.type === "H" || message.type === "Q") hub.counters.roundTrips += 1
      take(message)
      if (flow.isPassing() && !awaitsMore.has(message.type)) release()
    }
  })
}

/** Parse, Bind, Describe, Execute, Close: the server answers them at the next `Sync` or `Flush`. */
const awaitsMore: ReadonlySet<string> = new Set(["P", "B", "D", "E", "C"])

/**
 * What the server gets in the place of a message that executes a statement. A
 * commit that fails ends its transaction, so for one a rollback follows.
 */
const substitutes = (
  message: Wire.Message,
  statement: string,
  isCommit: boolean
): ReadonlyArray<readonly [Wire.Message, Note]> => {
  const noted = (messages: ReadonlyArray<Buffer>, heard: string | undefined) =>
    messages.map((bytes) => [Wire.decode(bytes), { heard, claim: undefined }] as const)
  if (message.type === "Q") {
    return isCommit
      ? [...noted([Wire.encode("Q", statement)], "E"), ...noted([Wire.encode("Q", "rollback")], "Z")]
      : noted([Wire.encode("Q", statement)], undefined)
  }
  const raise = noted(Wire.executing(statement, "tidemark_fault"), "E")
  const rollback = [Wire.encode("S"), ...Wire.executing("rollback", "tidemark_rollback")]
  return isCommit ? [...raise, ...noted(rollback, "E")] : raise
}

const fromServer = (hub: Hub, flow: Flow) =>
  Wire.makeReader({
    isTyped: () => true,
    onMessage: (message) => {
      if (!flow.isPassing()) return
      const note = flow.conversation.receive(message)?.note
      const tag = message.type === "C" ? Wire.texts(message.body, 1)[0] : undefined
      if (tag === "BEGIN" || tag === "START TRANSACTION") hub.counters.transactions += 1
      if (tag === "COMMIT") hub.counters.commits += 1
      if (tag === "COMMIT" && note?.claim !== undefined) {
        note.claim.fire()
        return flow.cut()
      }
      if (message.type === "E" || tag === "ROLLBACK") note?.claim?.release()
      if (note?.heard?.includes(message.type) !== false) flow.toClient(message.bytes)
    }
  })
