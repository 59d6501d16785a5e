/**
 * A real PostgreSQL server that comes with the project: for trying things out
 * and for tests. It listens on 127.0.0.1 only and trusts every local connection,
 * so it is no place for data that other accounts of the machine must not see.
 *
 * **Guarantees**
 *
 * - It runs whoever starts it: root lends it another account, and a checkout that
 *   this account cannot enter does not matter.
 * - It ends with its scope, and within a second of this process, by SIGKILL too.
 * - A temporary directory goes with the server, even if this process was killed.
 * - One server per directory: a second start waits `patience` for the first
 *   server to end, as it does after its process was killed, and then fails with
 *   `InUse`.
 *
 * Waits on the clock of the context: tests use the live one.
 *
 * ```ts
 * const program = Effect.gen(function* () {
 *   const server = yield* EmbeddedPostgres.make({ dataDir: ".data" })
 *   yield* Effect.log(server.url)
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as net from "node:net"
import * as Account from "./Account.ts"
import * as Binaries from "./Binaries.ts"
import * as DataDirectory from "./DataDirectory.ts"
import * as EmbeddedPostgresError from "./EmbeddedPostgresError.ts"
import * as Server from "./Server.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  /** Kept between starts. Without it the data go with the server. */
  readonly dataDir?: string
  /**
   * Whether committed data outlive a crash of the machine. `true` for a kept
   * directory, else `false`, which is faster. A killed process or server loses
   * nothing either way.
   */
  readonly durable?: boolean
  /** 0, the default, takes any free port. */
  readonly port?: number
  /** Parameters of `postgresql.conf`, for example `{ max_connections: "200" }`. */
  readonly settings?: Readonly<Record<string, string>>
  /** How long to wait for another server in the directory to end; 10 seconds. */
  readonly patience?: Duration.Input
}

/** @category services @since 0.1.0 */
export class EmbeddedPostgres extends Context.Service<
  EmbeddedPostgres,
  {
    /** User `postgres`, a superuser without a password; database `postgres`. */
    readonly url: string
    /** Absolute path. */
    readonly dataDir: string
    /** On 127.0.0.1. */
    readonly port: number
  }
>()("@tidemark/sql-pg/EmbeddedPostgres") {}

/** How long a start may take, recovery after a crash included. @category constants @since 0.1.0 */
export const startMax = Duration.minutes(2)

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Starts a server, which stops when the scope closes. Answers once it accepts
 * connections.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {}
): Effect.Effect<EmbeddedPostgres["Service"], EmbeddedPostgresError.EmbeddedPostgresError, Scope.Scope> =>
  Effect.gen(function* () {
    const isTemporary = options.dataDir === undefined
    const installed = yield* Binaries.installed()
    const directory = yield* isTemporary ? DataDirectory.temporary : DataDirectory.kept(options.dataDir)
    const account = yield* Account.forDirectory(directory)
    const binaries = yield* Binaries.reachable(installed, account)
    const durable = options.durable ?? !isTemporary
    const port = yield* DataDirectory.prepare({ directory, binaries, account, durable }).pipe(
      Effect.andThen(
        onPort(options.port ?? 0, (port) =>
          Server.start({ binaries, account, directory, isTemporary, durable, port, settings: options.settings ?? {} })
        )
      ),
      Effect.retry(($) =>
        $(Schedule.spaced("50 millis")).pipe(
          Schedule.upTo({ duration: options.patience ?? "10 seconds" }),
          Schedule.while(({ input }) => input.reason === "InUse")
        )
      )
    )
    return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, dataDir: directory, port }
  }).pipe(
    Effect.timeoutOrElse({
      duration: startMax,
      orElse: () =>
        EmbeddedPostgresError.make({
          reason: "Failed",
          problem: `The server was not ready after ${Duration.format(startMax)}.`,
          remedy: "Start again when the machine is less busy."
        })
    })
  )

// -----------------------------------------------------------------------------
// layers
// -----------------------------------------------------------------------------

/** @category layers @since 0.1.0 */
export const layer = (
  options: Options = {}
): Layer.Layer<EmbeddedPostgres, EmbeddedPostgresError.EmbeddedPostgresError> =>
  Layer.effect(EmbeddedPostgres, make(options))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Answers the port the step succeeded with. A free port may be taken before the server has it; then the next one. */
const onPort = <R>(
  wanted: number,
  step: (port: number) => Effect.Effect<void, EmbeddedPostgresError.EmbeddedPostgresError, R>
): Effect.Effect<number, EmbeddedPostgresError.EmbeddedPostgresError, R> =>
  wanted === 0
    ? Effect.retry(
        Effect.flatMap(freePort, (port) => Effect.as(step(port), port)),
        { times: 5, while: (error) => error.reason === "PortTaken" }
      )
    : Effect.as(step(wanted), wanted)

const freePort: Effect.Effect<number, EmbeddedPostgresError.EmbeddedPostgresError> = Effect.callback((resume) => {
  const server = net.createServer()
  const fail = (cause?: Error) =>
    resume(
      EmbeddedPostgresError.make({
        reason: "PortTaken",
        problem: "There is no free port on 127.0.0.1.",
        remedy: "Close some connections, or name a port.",
        cause
      })
    )
  server.once("error", fail)
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = address === null || typeof address === "string" ? undefined : address.port
    server.close(() => (port === undefined ? fail() : resume(Effect.succeed(port))))
  })
  return Effect.sync(() => server.close())
})
