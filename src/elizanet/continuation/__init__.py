"""One uninterrupted answer after a stream broke: what has been said, and the seam to what follows.

Theory of operation. A `Transcript` remembers what a stream has said. After a break another
target gets the call once more: `prefilled`, with what was said as the beginning of the
assistant's message, or, where that is refused, `restarted`, as it was. A `Seam` finds out at
which place of the old text the new one begins, lets the repetition pass by, comparing it
character for character, and hands on what is new under the `id`, `created` and `model` that
the caller knows. Nothing here does I/O.

The invariant: what the caller reads is one text of one answer, or the continuation ends with
`SeamError`. Nothing is said twice, nothing is left out, and two different answers are never
put together where that can be told.

What is relied on, about targets that get a message of the assistant as the last one:

- Claude up to 4.5, and llama.cpp by default, go on in the middle of a word. Claude refuses a
  text that ends in white space, so none is sent: the model says it again. Claude from 4.6 on
  refuses the message ("must end with a user message"), as do llama.cpp with thinking enabled
  and Mistral. A refusal is no error of the caller's: the call is restarted there.
- vLLM closes the message and opens a new one unless `continue_final_message` is sent; OpenAI
  and others do the same. What comes then goes on, repeats the last words, or begins anew.
- Switches of one vendor (`prefix`, `partial`, `continue_final_message`,
  `add_generation_prompt`) are not sent: elsewhere they are unknown fields and refused.

What cannot be told for certain: a target that ignores what was said and gives an answer of its
own, if it begins neither like the old one nor where no text goes on (`signs`). A phrase of
several words that a text says twice in a row for the first time, just where it broke, is taken
for a repetition. Where signs are weaker than that, as in repeating text, in numbers and for
single words, the answer is `SeamError` and not a guess.
"""

from elizanet.continuation.joint import SeamError
from elizanet.continuation.seam import Seam
from elizanet.continuation.transcript import Transcript

__all__ = ["Seam", "SeamError", "Transcript"]
