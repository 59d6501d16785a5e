/**
 * An HTTP client of Node that connects to public addresses only.
 *
 * A name that was checked resolves to whatever its owner says, now to one address
 * and a moment later to another. Here the addresses that a name resolves to are
 * looked at where the connection is made, and the connection goes to those that were
 * looked at. If one of them is not public none is used.
 *
 * What a person configured by an address, `http://127.0.0.1:8080` or
 * `https://10.0.0.5`, may be reached there; if it is this machine, so may the other
 * names of this machine. No other name may be either.
 *
 * Redirections are not followed: they are answers like others. Proxies named by the
 * environment are not used.
 *
 * @since 0.1.0
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClient from "effect/http/HttpClient"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as dns from "node:dns"
import type * as net from "node:net"
import * as IpAddress from "./IpAddress.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The host lies where no connection may go. Nothing was sent. @category errors @since 0.1.0 */
export class AddressError extends Schema.TaggedError<AddressError>()("AddressError", {
  code: Schema.Literal(IpAddress.notPublic),
  message: Schema.String
}) {}

/** The addresses of a name. @category models @since 0.1.0 */
export type Resolve = (hostname: string) => Effect.Effect<ReadonlyArray<string>, Error>

/** @category models @since 0.1.0 */
export interface Options {
  /** Addresses that a person configured, such as `http://127.0.0.1:8080`. */
  readonly configured: ReadonlyArray<string>
  /** Defaults to the resolver of the machine. */
  readonly resolve?: Resolve | undefined
}

// -----------------------------------------------------------------------------
// layers
// -----------------------------------------------------------------------------

/** @category layers @since 0.1.0 */
export const layer = (options: Options): Layer.Layer<HttpClient.HttpClient> =>
  NodeHttpClient.layerUndiciOptions({ connect: connector(options) })

/** Connects where it may, for an agent of one's own. @category constructors @since 0.1.0 */
export const connector = (options: Options): Undici.buildConnector.connector => {
  const permit = permits(options.configured)
  const connect = Undici.buildConnector({ lookup: lookup(permit, options.resolve ?? system) })
  return (target, callback) => {
    const host = target.hostname.replace(/^\[(.*)\]$/, "$1")
    const address = IpAddress.parse(host)
    // An address is connected to without being looked up.
    if (address !== undefined && !permit(host)(address)) callback(refusal(host), null)
    else connect(target, callback)
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

type Permit = (host: string) => (address: IpAddress.IpAddress) => boolean

const permits = (configured: ReadonlyArray<string>): Permit => {
  const hosts = configured.flatMap((address) =>
    URL.canParse(address) ? [new URL(address).hostname.replace(/^\[(.*)\]$/, "$1")] : []
  )
  const literals = new Set(hosts.filter((host) => IpAddress.parse(host) !== undefined))
  const hasLocal = hosts.some(isLocal)
  return (host) => {
    if (literals.has(host)) return () => true
    return hasLocal && isLocal(host) ? IpAddress.isLoopback : IpAddress.isPublic
  }
}

// The names of this machine.
const isLocal = (host: string): boolean => ["localhost", "127.0.0.1", "::1"].includes(host)

const refusal = (host: string) =>
  new AddressError({ code: IpAddress.notPublic, message: `${host} lies at an address that is not public.` })

const system: Resolve = (hostname) =>
  Effect.callback((resume) => {
    dns.lookup(hostname, { all: true }, (error, found) =>
      resume(error === null ? Effect.succeed(found.map(({ address }) => address)) : Effect.fail(error))
    )
  })

/** The hook of a socket: what it answers is what is connected to. */
const lookup =
  (permit: Permit, resolve: Resolve): net.LookupFunction =>
  (hostname, options, callback) => {
    const checked = Effect.flatMap(resolve(hostname), (texts) => {
      const found: Array<dns.LookupAddress> = []
      for (const text of texts) {
        const address = IpAddress.parse(text)
        if (address === undefined || !permit(hostname)(address)) return Effect.fail(refusal(hostname))
        found.push({ address: text, family: address._tag === "V4" ? 4 : 6 })
      }
      const [first] = found
      return first === undefined ? Effect.fail(refusal(hostname)) : Effect.succeed([first, ...found.slice(1)] as const)
    })
    Effect.runCallback(checked, {
      onExit: (exit) => {
        if (Exit.isFailure(exit)) callback(errorOf(hostname, exit.cause), "", 0)
        else if (options.all === true) callback(null, [...exit.value])
        else callback(null, exit.value[0].address, exit.value[0].family)
      }
    })
  }

const errorOf = (hostname: string, cause: Cause.Cause<Error>): Error => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error : refusal(hostname)
}
