/**
 * The commands over a store in memory and a source of deals, run in this process
 * at a time that stands still unless it is moved.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import {
  Application,
  migrate,
  Operator,
  outbox,
  Output,
  plan,
  Problem,
  quarantine,
  runs,
  status,
  type Store,
  sync
} from "@tidemark/cli"
import * as Feed from "@tidemark/cli/Feed"
import {
  ChangeSource,
  CursorRule,
  Lane,
  Observation,
  Page,
  Subscription,
  Sync,
  Version,
  type Write
} from "@tidemark/core"
import { Memory, MemorySink } from "@tidemark/memory"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Arr from "effect/Array"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Command from "effect/cli/Command"
import { TestClock } from "effect/testing"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"

export interface Deal {
  readonly id: string
  readonly at: number
  readonly name: string
}

export interface Options {
  /** What people call the feed. */
  readonly object?: string
  /** Why the sink refuses a deal; `undefined` takes it. */
  readonly refuse?: (name: string) => Write.Rejection | undefined
  readonly canColor?: boolean
  /** Who runs the commands. */
  readonly operator?: string
  readonly standing?: Partial<Store.Standing>
  /** Whether no tables are there yet. */
  readonly isNew?: boolean
  readonly batchSize?: number
  /** Default: `false`. */
  readonly isTerminal?: boolean
  /** How many records to expect. Default: those there are. */
  readonly expected?: Effect.Effect<number | undefined>
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly progress: string
}

export interface World {
  /** What the source has; to be changed. */
  readonly deals: Array<Deal>
  /** Replaced when a cause is mended. */
  refuse: NonNullable<Options["refuse"]>
  /** Lines that a reader still takes before it goes away. */
  readers: number
  readonly run: (...args: ReadonlyArray<string>) => Effect.Effect<Ended>
  readonly context: Context.Context<Memory.Services>
  readonly subscription: Subscription.Subscription
}

const Record = Schema.Struct({ name: Schema.String })

/** Progress goes to a terminal, or where nobody sits. */
const stdio = (isTerminal: boolean, onError: (text: string) => void): Stdio.Stdio =>
  Stdio.make({
    stderrIsTerminal: Effect.succeed(isTerminal),
    args: Effect.succeed([]),
    stdin: Stream.empty,
    stdout: () => Sink.drain,
    stderr: () => Sink.forEach((text) => Effect.sync(() => onError(String(text))))
  })

const toPage = (deals: ReadonlyArray<Deal>) =>
  Page.make(
    deals.map(({ at, id, name }) => {
      const version = Version.make({ domain: "crm/at", value: String(at).padStart(9, "0"), observedAt: at })
      return Observation.upsert({ id, position: at, record: { name }, version })
    })
  )

export const make = Effect.fnUntraced(function* (deals: Array<Deal>, options: Options = {}) {
  const object = options.object ?? "Deal"
  const subscription = Subscription.make({
    id: `crm/${object}`,
    tenant: "default",
    entity: object.toLowerCase(),
    connection: { provider: "crm", account: "acme" }
  })
  const { batchSize = 2 } = options
  const context = yield* Layer.build(Memory.layer())
  const ports = Layer.succeedContext(context)
  const source = ChangeSource.plain({
    label: "crm/deal",
    domain: "crm/at",
    account: Effect.succeed("acme"),
    rule: CursorRule.make({ codec: Schema.Finite, positions: "Shared", resume: "Inclusive" }),
    read: ({ from = 0 }) =>
      Stream.fromIterable(
        Arr.chunksOf(
          deals.filter(({ at }) => at >= from),
          batchSize
        )
      ).pipe(Stream.map(toPage))
  })
  const sink = yield* Effect.provideContext(
    MemorySink.make<typeof Record.Type>({ label: "deals", check: ({ name }) => world.refuse(name) }),
    context
  )
  const expected = options.expected ?? Effect.sync(() => deals.length)
  const feed = Feed.make({
    name: object,
    subscription,
    prepare: Effect.void,
    lanes: [Feed.lane(Sync.make({ subscription, schema: Record, source, sink, batchSize }), Lane.live(subscription))],
    expected: () => expected
  })
  const state = { isMade: options.isNew !== true }
  const pending = [{ id: 1, name: "first tables", statements: ["create table a ()", "create table b ()"] }]
  const application = Layer.succeed(Application, {
    feeds: Effect.succeed([feed]),
    reading: ports,
    writing: ports,
    standing: Effect.sync(() => ({
      version: state.isMade ? 1 : 0,
      latest: 1,
      pending: state.isMade ? [] : pending,
      ...(state.isMade ? options.standing : {})
    })),
    migrate: Effect.sync(() => void (state.isMade = true)),
    store: Effect.succeed({
      tenant: subscription.tenant,
      ports: context,
      lanes: Effect.map(Context.get(context, Memory.Store).state, ({ tables }) =>
        Array.from(HashMap.values(tables.lanes), ({ lane }) => ({ name: object, lane }))
      )
    })
  })
  const tidemark = Command.make("tidemark").pipe(
    Command.withSubcommands([sync, plan, status, runs, quarantine, outbox, migrate]),
    Command.provide(() => application)
  )
  const run = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    const told: Array<string> = []
    const errors: Array<string> = []
    const progress: Array<string> = []
    const silent = { ...globalThis.console, log: () => {}, error: (text: string) => void errors.push(text) }
    const code = yield* Command.runWith(tidemark, { version: "0.0.0" })(args).pipe(
      Effect.as(0),
      Effect.tapError((error) => Effect.sync(() => (Problem.isTold(error) ? errors.push(error.message) : 0))),
      Effect.catch((error) => Effect.succeed(Problem.exitCode(error))),
      Effect.provideService(Output.Results, (text) =>
        Effect.suspend(() => {
          if (world.readers <= 0) return Effect.fail(new Output.Lost({ isUnread: true, message: "Nobody reads." }))
          world.readers -= 1
          told.push(text)
          return Effect.void
        })
      ),
      Effect.provideService(Operator, options.operator ?? "ann@desk"),
      Effect.provideService(Console.Console, silent),
      Effect.provideService(
        Stdio.Stdio,
        stdio(options.isTerminal ?? false, (text) => void progress.push(text))
      ),
      Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
        canColor: options.canColor ?? false,
        canAnimate: false,
        canPrompt: false
      }),
      Effect.provide(NodeServices.layer)
    )
    return {
      code,
      out: told.map((text) => `${text}\n`).join(""),
      err: errors.join("\n"),
      progress: progress.join("")
    } satisfies Ended
  })
  const world: World = {
    deals,
    refuse: options.refuse ?? (() => undefined),
    readers: Infinity,
    run,
    context,
    subscription
  }
  return world
})

/** The time in every world, until it is moved. */
export const noon = Date.UTC(2026, 4, 1, 12)

/** Lives in a world of its own. */
export const operated = (body: (world: World) => Effect.Effect<void>, deals: Array<Deal>, options: Options) =>
  Effect.gen(function* () {
    yield* TestClock.setTime(noon)
    yield* body(yield* make(deals, options))
  }).pipe(Effect.scoped, Effect.provide(TestClock.layer()), Effect.runPromise)

/** Takes the live lane, as another process would. */
export const claim = (world: World) =>
  Context.get(world.context, Lanes.Lanes).claim({
    lane: Lane.live(world.subscription),
    lease: Duration.seconds(30),
    account: "acme",
    mappingEpoch: 0,
    mode: "IfFree",
    isReleasing: false
  })
