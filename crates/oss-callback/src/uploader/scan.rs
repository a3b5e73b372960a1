use super::custom::{PREFIX, is_custom_name};
use super::error::CallbackError;
use super::variable::Variable;

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'a> {
    /// Text that OSS leaves as it is.
    Constant(&'a str),
    /// `${name}`
    Variable(Variable),
    /// `${x:name}`, given with its `x:`.
    Custom(&'a str),
}

/// Splits a template, which OSS reads without regard to quotes or escapes: every `$` begins a variable.
pub(crate) fn scan(text: &str) -> Result<Vec<Segment<'_>>, CallbackError> {
    let mut segments = Vec::new();
    let mut offset = 0;
    let mut rest = text;
    while let Some((constant, after)) = rest.split_once('$') {
        let at = offset + constant.len();
        let Some(after) = after.strip_prefix('{') else {
            return Err(CallbackError::Dollar { offset: at });
        };
        let Some((name, tail)) = after.split_once('}') else {
            return Err(CallbackError::UnclosedVariable { offset: at });
        };
        if !constant.is_empty() {
            segments.push(Segment::Constant(constant));
        }
        segments.push(variable(name)?);
        offset = at + "${}".len() + name.len();
        rest = tail;
    }
    if !rest.is_empty() {
        segments.push(Segment::Constant(rest));
    }
    Ok(segments)
}

fn variable(name: &str) -> Result<Segment<'_>, CallbackError> {
    if let Some(variable) = Variable::from_name(name) {
        Ok(Segment::Variable(variable))
    } else if is_custom_name(name) {
        Ok(Segment::Custom(name))
    } else if name.starts_with(PREFIX) {
        Err(CallbackError::CustomName { name: name.to_owned() })
    } else {
        Err(CallbackError::UnknownVariable { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_falls_into_constants_and_variables() {
        assert_eq!(
            scan("a=${object}${x:b}&c").unwrap(),
            [
                Segment::Constant("a="),
                Segment::Variable(Variable::Object),
                Segment::Custom("x:b"),
                Segment::Constant("&c"),
            ]
        );
        assert_eq!(scan("}{%").unwrap(), [Segment::Constant("}{%")]);
    }

    #[test]
    fn malformed_variables_are_told_apart() {
        let unknown = |name: &str| CallbackError::UnknownVariable { name: name.to_owned() };
        for (text, expected) in [
            ("a=$(filename)", CallbackError::Dollar { offset: 2 }),
            ("é$", CallbackError::Dollar { offset: 2 }),
            ("$${object}", CallbackError::Dollar { offset: 0 }),
            ("${object}$ {x}", CallbackError::Dollar { offset: 9 }),
            ("${object", CallbackError::UnclosedVariable { offset: 0 }),
            ("a${", CallbackError::UnclosedVariable { offset: 1 }),
            ("${}", unknown("")),
            ("${Object}", unknown("Object")),
            ("${ object}", unknown(" object")),
            ("${${object}}", unknown("${object")),
            ("${filename}", unknown("filename")),
            ("${x:}", CallbackError::CustomName { name: "x:".into() }),
            ("${x:Uid}", CallbackError::CustomName { name: "x:Uid".into() }),
            ("${X:uid}", unknown("X:uid")),
        ] {
            assert_eq!(scan(text), Err(expected), "{text:?}");
        }
    }
}
