/**
 * Where messages are posted to, and with which headers: what can be said of it
 * before the first one is.
 *
 * An address may come from a customer. It speaks https, and lies on the public
 * internet; what does not is allowed by name, by whoever runs the application.
 * Where a name leads to is looked at where a connection is made.
 *
 * @since 0.1.0
 */
import * as IpAddress from "@tidemark/http/IpAddress"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  /** `https://hooks.example/path`. It is told by its host alone, so it may hold a secret. */
  readonly url: string | Redacted.Redacted<string>
  /** Sent with each message, such as `authorization`. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
  /**
   * Addresses of your own that may be posted to though they are plain http, or not
   * public: `http://127.0.0.1:8080`, `https://10.0.0.5`. A name among them may be plain
   * http, and must still lie at a public address, but for `localhost`. Default: none.
   */
  readonly allow?: ReadonlyArray<string> | undefined
}

/** @category models @since 0.1.0 */
export interface Endpoint {
  readonly url: Redacted.Redacted<string>
  /** Host and port, to tell it by. */
  readonly host: string
  readonly headers: Redacted.Redacted<Readonly<Record<string, string>>>
  /** Its scheme, host and port where it is allowed, nothing where it is not. */
  readonly allowed: ReadonlyArray<string>
}

/**
 * - `Address`: the text is no address, or has a user name in it.
 * - `Insecure`: it is plain http.
 * - `NotPublic`: it is an address that is not public.
 * - `Header`: a header is none, or is one that the forwarder sets.
 *
 * @category errors
 * @since 0.1.0
 */
export class EndpointError extends Schema.TaggedError<EndpointError>()("EndpointError", {
  reason: Schema.Literals(["Address", "Insecure", "NotPublic", "Header"]),
  message: Schema.String
}) {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = ({ allow = [], headers = {}, url }: Options): Result.Result<Endpoint, EndpointError> =>
  Result.flatMap(addressOf(textOf(url), allow), ({ address, allowed, host }) =>
    Result.map(headersOf(headers), (headers) => ({
      url: Redacted.make(address),
      host,
      headers: Redacted.make(headers),
      allowed
    }))
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const addressMax = 2_048
const headersMax = 20
const headerMax = 8_192

const textOf = (text: string | Redacted.Redacted<string>): string =>
  Redacted.isRedacted(text) ? Redacted.value(text) : text

const refuse = (reason: EndpointError["reason"], message: string) => Result.fail(new EndpointError({ reason, message }))

const addressOf = (
  text: string,
  allow: ReadonlyArray<string>
): Result.Result<{ readonly address: string } & Pick<Endpoint, "host" | "allowed">, EndpointError> => {
  if (!URL.canParse(text) || text.length > addressMax || !isPlain(text)) {
    return refuse(
      "Address",
      `the address of the endpoint is none, or has a user name, or more than ${addressMax} characters: give one such as https://hooks.example/path`
    )
  }
  const url = new URL(text)
  const isAllowed = allow.some((one) => URL.canParse(one) && new URL(one).origin === url.origin)
  if (url.username !== "" || url.password !== "" || /^\.|\.\./.test(url.hostname)) {
    return refuse(
      "Address",
      "the address of the endpoint has a user name, or a host that is none: give the address alone"
    )
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isAllowed)) {
    return refuse(
      "Insecure",
      `${url.host || "the endpoint"} is not reached over https, so that events could be read on their way: give an address that begins with https://, or allow this one by name`
    )
  }
  const literal = IpAddress.parse(url.hostname.replace(/^\[(.*)\]$/, "$1"))
  if (literal !== undefined && !IpAddress.isPublic(literal) && !isAllowed) {
    return refuse(
      "NotPublic",
      `${url.host} is an address that is not public: an endpoint of your own network is allowed by name`
    )
  }
  url.hash = ""
  return Result.succeed({ address: url.href, host: url.host, allowed: isAllowed ? [url.origin] : [] })
}

/** Begins with a scheme and a host: parsers read over slashes that are too many, and an empty user name. */
const isPlain = (text: string): boolean => /^[a-z]+:\/\/[^/\\?#@]+(?:[/?#]|$)/i.test(text)

/** Headers that the message and the connection have. */
const own =
  /^(?:webhook-.*|content-.*|host|connection|keep-alive|transfer-encoding|te|trailer|upgrade|expect|proxy-.*)$/

const headersOf = (
  headers: Readonly<Record<string, string | Redacted.Redacted<string>>>
): Result.Result<Readonly<Record<string, string>>, EndpointError> => {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), textOf(value)] as const)
  const wrong = entries.find(
    ([name, value]) =>
      !/^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name) ||
      own.test(name) ||
      !/^[ -~]*$/.test(value) ||
      value.length > headerMax
  )
  if (wrong !== undefined || entries.length > headersMax) {
    return refuse(
      "Header",
      `${wrong === undefined ? "these are" : `${JSON.stringify(wrong[0].slice(0, 100))} is`} nothing to send along: take at most ${headersMax} headers of visible characters, and none that a message or a connection has itself`
    )
  }
  return Result.succeed(Object.fromEntries(entries))
}
