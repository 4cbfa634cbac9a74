/**
 * What can wait: a generator, to be run with `yield*` from the body of a coroutine. It does nothing before that, and what
 * it returns is the value of the `yield*`.
 */
export type Co<T> = Generator<unknown, T, unknown>
