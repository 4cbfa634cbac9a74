/** What the program refuses to do, in a sentence for its user: shown without a stack. */
export class Refusal extends Error {}
