#!/usr/bin/env python3
"""Reference renderings by Jinja 3.1.2 set up as Hugging Face's transformers do.

    python3 make.py ../../../../shared/data/tokenizers/chat_templates > golden.json

The argument is the directory of the real templates; of those only names and
hashes are kept. Longer texts are kept as SHA-256 and length.
"""

import datetime
import hashlib
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox


class Generation(jinja2.ext.Extension):
    """{% generation %}, whose text is put between \\x02 and \\x03."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    def _mark(self, caller):
        return "\x02" + caller() + "\x03"


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def strftime_now(form):
    return datetime.datetime(2024, 7, 26, 12, 0, 0).strftime(form)


env = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
)
env.filters["tojson"] = tojson
env.globals["raise_exception"] = raise_exception
env.globals["strftime_now"] = strftime_now


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, id="call00001"):
    return {"type": "function", "id": id, "function": {"name": name, "arguments": arguments}}


TOOLS = [
    {"type": "function", "function": {"name": "weather", "description": "Tells the weather <now> & \"here\".", "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city, e.g. Zürich"},
            "days": {"type": "integer", "default": 1, "minimum": 0, "maximum": 7.5},
            "units": {"type": "string", "enum": ["°C", "°F"]},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["city"]}}},
    {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}},
]

CONVERSATIONS = {
    "one question": {"messages": [message("user", "Name a color.")]},
    "one answer": {"messages": [message("user", "Name a color."), message("assistant", "Blue.")]},
    "system": {"messages": [message("system", "Be brief."), message("user", "Name a color."), message("assistant", "Blue.")]},
    "empty system": {"messages": [message("system", ""), message("user", "Name a color."), message("assistant", "Blue.")]},
    "many turns": {"messages": [message("system", "Be brief."), message("user", "One?"), message("assistant", "1"), message("user", "Two?"),
                                message("assistant", "2"), message("user", "Two?")]},
    "two answers in a row": {"messages": [message("user", "Count."), message("assistant", "One."), message("assistant", "Two."), message("user", "On."),
                                          message("assistant", "Three.")]},
    "spaces and signs": {"messages": [message("system", "\n Be kind. \t"), message("user", "  tab\there 😀 «é» 中文 \\n \"quoted\" 'single' <b>&amp;</b>\n\n"),
                                      message("assistant", "\n`code`\n\n    indented \u00a0"), message("user", "{{ bos_token }} {% if %}\r\nCRLF ")]},
    "thinking": {"messages": [message("user", "Why?"), message("assistant", "<think>\nHm, why not?\n</think>\n\nBecause."), message("user", "So?"),
                              message("assistant", "</think> So.")]},
    "typed control tokens": {"messages": [message("user", "<|eot_id|><|im_end|></s>[/INST] system"), message("assistant", "<|eot_id|> is a token, <s> too.")]},
    "tools on offer": {"messages": [message("user", "Weather?")], "tools": TOOLS},
    "tools, none used": {"messages": [message("system", "Help."), message("user", "Hello"), message("assistant", "Hi."), message("user", "Bye")], "tools": TOOLS},
    "call, arguments as mapping": {"messages": [
        message("user", "Weather in Zürich?"), {"role": "assistant", "tool_calls": [call("weather", {"city": "Zürich", "days": 2})]},
        message("tool", '{"sky": "blue"}', tool_call_id="call00001", name="weather"), message("assistant", "Blue sky."), message("user", "Thanks <3")], "tools": TOOLS},
    "call, arguments as text": {"messages": [
        message("user", "Weather in Zürich?"), message("assistant", None, tool_calls=[call("weather", '{"city": "Zürich", "days": 2}')]),
        message("tool", '{"sky": "blue"}', tool_call_id="call00001", name="weather"), message("assistant", "Blue sky.")], "tools": TOOLS},
    "two calls and words": {"messages": [
        message("user", "Weather and time?"),
        message("assistant", "Let me see.", tool_calls=[call("weather", {"city": "Bern", "more": [1, 2.5, None, True, {"a": "<"}]}), call("now", {}, "call00002")]),
        message("tool", "rain", tool_call_id="call00001", name="weather"), message("tool", "12:00", tool_call_id="call00002", name="now"),
        message("assistant", "Rain at noon.")], "tools": TOOLS},
    "functions and a date": {"messages": [message("user", "Weather?"), message("assistant", "", tool_calls=[call("weather", '{"city": "Bern"}')]), message("tool", "rain"),
                                          message("assistant", "Rain.")], "functions": json.dumps(TOOLS, indent=4), "datetime": "2024-07-26"},
    "nobody said anything": {"messages": []},
    "unknown role": {"messages": [message("user", "a"), message("critic", "b")]},
}

VARIABLES = {"bos_token": "<s>", "eos_token": "</s>"}


def render(template, variables):
    try:
        return {"text": env.from_string(template).render(**variables)}
    except Exception as e:
        return {"refused": f"{type(e).__name__}: {e}"}


def compact(out):
    text = out.get("text")
    if text is not None and len(text) > 300:
        return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "length": len(text.encode())}
    if "refused" in out:
        return {"refused": out["refused"][:100]}
    return out


def main():
    here = pathlib.Path(__file__).parent
    templates = [(p.name, False, p) for p in sorted(here.glob("*.jinja"))] + [(p.name, True, p) for p in sorted(pathlib.Path(sys.argv[1]).glob("*.jinja"))]
    out = {"made_by": "make.py", "jinja2": jinja2.__version__, "variables": VARIABLES, "conversations": CONVERSATIONS, "templates": [], "snippets": []}
    for name, elsewhere, path in templates:
        source = path.read_text()
        entry = {"name": name, "elsewhere": elsewhere, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "renderings": []}
        for conversation, given in CONVERSATIONS.items():
            for prompt in (False, True):
                done = compact(render(source, {**VARIABLES, **given, "add_generation_prompt": prompt}))
                entry["renderings"].append({"conversation": conversation, "prompt": prompt, **done})
        out["templates"].append(entry)
    for source in (here / "snippets.txt").read_text().split("\n---\n"):
        out["snippets"].append({"source": source, **render(source, SNIPPET_VARIABLES)})
    json.dump(out, sys.stdout, ensure_ascii=False, indent=1)
    print()


SNIPPET_VARIABLES = {
    "nothing": None, "text": "  Ein Text, «klein»  ", "words": ["b", "a", "C", "a"], "numbers": [3, 1, 2], "mapping": {"b": 1, "a": {"c": "x<y"}, "items": 7},
    "people": [{"name": "Ann", "age": 3, "tags": ["x"]}, {"name": "Bob", "age": None}, {"name": "Cy", "age": 7}], "half": 0.5, "yes": True,
}

main()
