/**
 * The command in this process, against a simulated org: its own feeds, by a client
 * whose waits are over at once, into a real PostgreSQL.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Application, type Feed, Problem, type Report, sync } from "@tidemark/cli"
import { Credentials, SalesforceClient } from "@tidemark/provider-salesforce"
import type { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Arr from "effect/Array"
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as Command from "effect/cli/Command"
import * as HttpClient from "effect/http/HttpClient"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Database from "../../src/database.ts"
import * as Salesforce from "../../src/salesforce.ts"
import * as Waiting from "./waiting.ts"

export interface Options {
  readonly org: Simulator.Simulator
  /** Of the database. */
  readonly url: string
  /** Of the client. Default: the token that is good from the start, which nothing renews. */
  readonly credentials?: Credentials.Credentials
  /** Default: 500. */
  readonly batchSize?: number
  /** Before each request of the client. */
  readonly onRequest?: Effect.Effect<void>
}

/** How a run of the command ended. */
export interface Ended {
  readonly code: number
  /** Of the one object. */
  readonly line: Report.Line | undefined
  /** What the failure says; empty when there was none. */
  readonly said: string
  /** Of what the run could not do, the last; `undefined` when it could do all. */
  readonly reason: string | undefined
  /** Requests that the org got. */
  readonly requests: number
  /** What the client waited, in ms. */
  readonly waits: ReadonlyArray<number>
}

export const settle = Duration.minutes(5)

/** Runs `sync` for accounts to its end. Interrupting it is what Ctrl-C does. */
export const run = (options: Options): Effect.Effect<Ended> =>
  Effect.gen(function* () {
    const waiting = Waiting.make(options.org)
    const lines: Array<string> = []
    const console_: Console.Console = Object.assign(Object.create(console) as Console.Console, {
      log: (line: string) => void lines.push(line)
    })
    const before = yield* asked(options.org)
    const tidemark = Command.make("tidemark").pipe(
      Command.withSubcommands([sync]),
      Command.provide(application(options, waiting))
    )
    const [code, said] = yield* Command.runWith(tidemark, { version: "0.0.0" })(["sync", "--json"]).pipe(
      Effect.as([0, ""] as const),
      Effect.catch((error) => Effect.succeed([Problem.exitCode(error), error.message] as const)),
      Effect.provideService(Console.Console, console_),
      Effect.provide(Layer.mergeAll(NodeServices.layer, http(options.onRequest ?? Effect.void)))
    )
    const [line] = lines.map((text) => JSON.parse(text) as Report.Line)
    return {
      code,
      line,
      said,
      requests: (yield* asked(options.org)) - before,
      waits: waiting.waits,
      reason: waiting.reasons.at(-1)
    }
  })

/** What requests are sent with. */
export const http = (onRequest: Effect.Effect<void>) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) => HttpClient.tapRequest(client, () => onRequest))
  ).pipe(Layer.provide(NodeHttpClient.layerUndici))

/** How many requests an org got so far. */
const asked = ({ control }: Simulator.Simulator) =>
  Effect.map(control.counts, (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0))

const application = ({ batchSize = 500, org, url, ...options }: Options, waiting: Waiting.Waiting) =>
  Layer.effect(
    Application,
    Effect.gen(function* () {
      const context = yield* Effect.context<SqlClient>()
      const { credentials = bearer(org.token) } = options
      const client = Waiting.slowed(yield* SalesforceClient.make({ url: org.url, credentials }), waiting)
      const account = { name: "Account", settle, fullEvery: undefined, lease: Duration.minutes(10), batchSize }
      const wanted = { objects: [account], detections: undefined }
      return Application.of({
        feeds: Effect.map(Effect.provideContext(Salesforce.feedsOf(client, wanted), context), (feeds) =>
          feeds.map((feed) => ({ ...feed, lanes: Arr.map(feed.lanes, noted(waiting)) }))
        ),
        reading: Layer.provide(Database.reading, Layer.succeedContext(context)),
        writing: Layer.provide(Database.writing, Layer.succeedContext(context)),
        standing: Effect.provideContext(Database.standing, context),
        migrate: Effect.provideContext(Database.migrate, context),
        store: Effect.die(new Error("sync looks at no store"))
      })
    })
  ).pipe(Layer.orDie, Layer.provide(Database.layer({ url: Redacted.make(url), dataDir: "" })))

/** A lane whose failures are noted: a source finds faults that its client does not. */
const noted =
  ({ reasons }: Waiting.Waiting) =>
  (lane: Feed.Feed["lanes"][number]): Feed.Feed["lanes"][number] => ({
    ...lane,
    stream: (options) =>
      Stream.tapError(lane.stream(options), (error) =>
        Effect.sync(() => void reasons.push(error._tag === "SourceError" ? error.reason : error._tag))
      )
  })

/** A token that nothing renews. */
export const bearer = (token: string): Credentials.Credentials => Credentials.bearer(Redacted.make(token))

/** A refresh token, which outlives all sessions. */
export const refresh = ({ refreshToken, url }: Simulator.Simulator): Credentials.Credentials =>
  Credentials.refresh({
    loginUrl: url,
    clientId: "app",
    refreshToken: Redacted.make(refreshToken),
    persist: () => Effect.void
  })
