"""Where a new text takes up an old one, and when that cannot be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elizanet.continuation.joint import SeamError, begins_at

STORY = "Once upon a time there was a provider that never failed, and then it did"


def joined(said: str, new: str, step: int = 3) -> str:
    """Return what a caller reads who is given the new text in pieces."""
    for end in range(step, len(new) + step, step):
        place = begins_at(said, new[:end], final=end >= len(new))
        if place is not None:
            assert new.startswith(said[place:]), "what is taken out was said before"
            return said[:place] + new
    raise AssertionError("never decided")


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize("cut", range(1, len(STORY)))
def test_an_exact_continuation_joins_at_every_place(cut: int, step: int) -> None:
    """Also inside a word, after a space, and between two equal letters."""
    said = STORY[:cut]
    assert joined(said, STORY[len(said.rstrip()) :], step) == STORY


@pytest.mark.parametrize("cut", range(24, len(STORY)))
@pytest.mark.parametrize("repeated", [17, 23])
def test_repeated_last_words_are_said_once(cut: int, repeated: int) -> None:
    """A target that begins a few words before the break, in the middle of a word or not."""
    said = STORY[:cut]
    assert joined(said, STORY[max(0, len(said.rstrip()) - repeated) :]) == STORY


@pytest.mark.parametrize("cut", range(9, len(STORY)))
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_answer_begun_anew_is_said_once(cut: int, step: int) -> None:
    """Once two words have been said."""
    assert joined(STORY[:cut], STORY, step) == STORY


@pytest.mark.parametrize(
    ("said", "new", "whole"),
    [
        ("Hel", "lo", "Hello"),
        ("Hello ", " world", "Hello world"),
        ("Hello ", "world", "Hello world"),
        ("Item one\n\n", "\n\nItem two", "Item one\n\nItem two"),
        ("Item one\n", "\n\nItem two", "Item one\n\nItem two"),
        ("f(g(x", "))", "f(g(x))"),
        ("f(g(x)", ")", "f(g(x))"),
        ("barbar", "ian", "barbarian"),
        ("Write a decora", "decorators are", "Write a decorators are"),
        ("the quick brown fox", " brown fox jumps", "the quick brown fox jumps"),
        ("the quick brown fox", "brown fox jumps", "the quick brown fox jumps"),
        ("今天天", "天气好", "今天天天气好"),
        ("我们今天去公园散步", "去公园散步吧", "我们今天去公园散步吧"),
        ('"To be or not', ' to be"', '"To be or not to be"'),
        ('"To be or not to be', '"', '"To be or not to be"'),
        ("```\nx = 1\n", "\n```", "```\nx = 1\n```"),
        ("Ja", ".", "Ja."),
        (" Hello there", "Hello there, you", " Hello there, you"),
    ],
)
def test_signs_are_weighed(said: str, new: str, whole: str) -> None:
    """Chance is not taken for a repetition, nor a repetition for chance."""
    assert joined(said, new) == whole


@pytest.mark.parametrize(
    ("said", "new"),
    [
        ("the price is $1,000", ",000"),
        ("the price is 1", "1 dollar"),
        ("1, 1, 1, 1", ", 1, 1"),
        ("[0, 0.5, 1.0", ", 0.5, 1.0]"),
        ("It was very", " very good"),
        ("an unsigned long", " long int"),
        ("</div>", "</div>"),
        ("the quick brown", "brown fox"),
        ("e\u0301n\u0303wesuke", "wesukes are"),
        ("some bihi", "bihibihi"),
        ("some \U0001d4b3bihi", "\U0001d4b3bihi and"),
        ("\u6211\u4eec\u53bb\u516c\u56ed", "\u53bb\u516c\u56ed\u5427"),
        ("|---|---|", "---|"),
        ("ha ha ha ha", " ha ha"),
        ("known by | its text | its class |", " its class |"),
        ("f()\ng(a, b, see, now)", "\ng(a, b, see, now)\n"),
        ("ficu(", "ficu(90))"),
        ("lehe", "lehe and more"),
        ("lokide lokide lokide l", "kide lokide lokide "),
        ("The", "The answer"),
        ("The", " The Hague"),
        ("la la la la", "la la la la la"),
        ("Hello there, you", "He"),
        ("12345678", "12345678, 9"),
    ],
)
def test_what_cannot_be_told_is_an_error_and_no_guess(said: str, new: str) -> None:
    """Numbers, repeated words, patterns and rows: each could be meant twice, or said twice."""
    with pytest.raises(SeamError, match="cannot be told"):
        joined(said, new)


@pytest.mark.parametrize(
    ("said", "new"),
    [
        ("Sure! The capital of France is", "Sure! Paris is the capital."),
        ("The capital of France is Paris.", "The capital of France, Paris, is large."),
        ("1, 2, 3, 4, 5, 6", "1, 2, 3, 4, 5, 7"),
    ],
)
def test_another_answer_that_begins_alike_is_not_put_together(said: str, new: str) -> None:
    """It began anew and then said something else."""
    with pytest.raises(SeamError, match="then differs"):
        joined(said, new)


@pytest.mark.parametrize(
    ("said", "new"),
    [
        ("The capital of France is", "Paris is the capital of France."),
        ("The capital of France is ", "Sure! Paris."),
        ("The capital of France.\n\n", "It is Paris."),
        ("primary answers:", "backup answers: the question"),
        ("primary answers: the question i", "backup answers: the question is what"),
        ("First, the cat,", "Second, a dog"),
        ("It never ends!", "no, it does"),
        ("That is all.", "Really, it is."),
    ],
)
@pytest.mark.parametrize("step", [1, 5, 1000])
def test_an_answer_of_its_own_is_not_put_behind_another(said: str, new: str, step: int) -> None:
    """A target that ignores what was said begins where no text goes on."""
    with pytest.raises(SeamError, match="does not go on"):
        joined(said, new, step)


@pytest.mark.parametrize(
    ("said", "new"),
    [
        ("call getName and get", "Value"),
        ("at 12:30 or 14:", "45"),
        ("a,b,c,", "d"),
        ("$1,", "000"),
        ("the U.S. and the U.", "K."),
        ("SHOU", "TING"),
        ("foo.", "bar()"),
        ("the quick bro", "wn fox jumps over the lazy dog and never looks back"),
        ("It is", " Paris"),
        ("It is", "."),
    ],
)
def test_what_the_old_text_writes_itself_goes_on(said: str, new: str) -> None:
    """Camel case, times, lists without spaces, abbreviations, and words in two halves."""
    assert joined(said, new) == said + new


def test_the_error_does_not_say_what_was_said() -> None:
    """Answers are the caller's; they have no place in a log."""
    with pytest.raises(SeamError) as caught:
        joined("my secret is very", " very good")
    assert "very" not in str(caught.value)


def test_a_new_text_is_heard_no_longer_than_needed() -> None:
    """Most of the time the first character tells."""
    assert begins_at(STORY, ", after", final=False) == len(STORY)
    assert begins_at(STORY, ";", final=False) == len(STORY)
    assert begins_at(STORY, "On", final=False) is None
    assert begins_at(STORY, STORY[:64], final=False) == 0


def test_a_text_that_may_be_an_answer_of_its_own_is_heard_a_little() -> None:
    """Forty characters, and no more; what begins with a space or a sign is not."""
    assert begins_at(STORY, "x" * 39, final=False) is None
    assert begins_at(STORY, "x" * 40, final=False) == len(STORY)
    assert begins_at(STORY, " x", final=False) == len(STORY)
    assert begins_at(STORY, "x", final=True) == len(STORY)


@pytest.mark.parametrize(("length", "anew"), [(7, False), (8, True)])
def test_eight_characters_in_common_are_another_answer(length: int, anew: bool) -> None:
    """Fewer are chance."""
    said = "ab cd ef gh and so on"
    if anew:
        with pytest.raises(SeamError, match="then differs"):
            joined(said, said[:length] + "!")
    else:
        assert joined(said, " " + said[:length] + "!") == said + " " + said[:length] + "!"


@pytest.mark.parametrize("repeated", [64, 65, 70, 150, 280])
def test_a_passage_that_is_repeated_is_said_once(repeated: int) -> None:
    """From the last line, or the last paragraph: anything of at least 64 characters."""
    said = "".join(f"word{number} " for number in range(40)).rstrip()
    assert joined(said, said[-repeated:] + " more") == said + " more"


def test_a_passage_that_was_said_twice_may_come_again() -> None:
    """A chorus: it cannot be told whether the third one is a repetition."""
    chorus = "la la land and a very long line that everybody in the room sings along with"
    said = f"{chorus}, one, {chorus}, two and a half"
    with pytest.raises(SeamError, match="a passage"):
        joined(said, f"{chorus}, three"[1:])


def test_beginning_like_a_text_that_repeats_itself_is_no_new_beginning() -> None:
    """A row of a table begins like the first one."""
    said = "| name is one | 1 |\n| name is two | 2 |"
    assert joined(said, "\n| name is three | 3 |") == said + "\n| name is three | 3 |"


@given(st.text(max_size=90), st.text(max_size=90), st.booleans())
def test_any_two_texts_join_or_do_not(said: str, heard: str, final: bool) -> None:
    """The place is one of the old text, and it is final: hearing more changes nothing."""
    try:
        place = begins_at(said, heard, final=final)
    except SeamError:
        return
    if place is None:
        assert not final
        return
    assert 0 <= place <= len(said)
    if not final:
        assert begins_at(said, heard + "x", final=False) == place


@given(st.text("ab1 ,\n", min_size=1, max_size=60), st.data())
def test_a_nasty_text_is_continued_exactly_or_not_at_all(text: str, data: st.DataObject) -> None:
    """Few characters, many repetitions: nothing is left out, and nothing is doubled."""
    cut = data.draw(st.integers(0, len(text)))
    said = text[:cut]
    try:
        place = begins_at(said, text[len(said.rstrip()) :], final=True)
    except SeamError:
        return
    assert place is not None
    assert said[:place] + text[len(said.rstrip()) :] == text
