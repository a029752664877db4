//! Messages in protobuf's binary form (<https://protobuf.dev/programming-guides/encoding/>), which the
//! vendor's own client speaks. What is `Opaque` in the schema has none here.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::json::{Wrong, is_zero};
use super::schema::{Field, Kind, Message};

const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// What is encoded: numbers that no name is known for stay numbers.
pub(super) fn encode(message: &Message, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in message.0 {
        match value.get(field.name) {
            None => {}
            Some(Value::Array(items)) => items.iter().for_each(|item| put_field(&mut bytes, field, item)),
            Some(value) if is_zero(field.kind, value) => {}
            Some(value) => put_field(&mut bytes, field, value),
        }
    }
    bytes
}

fn put_field(bytes: &mut Vec<u8>, field: &Field, value: &Value) {
    let mut number = |value: u64| {
        put_varint(bytes, u64::from(field.number) << 3 | VARINT);
        put_varint(bytes, value);
    };
    let inner = match field.kind {
        Kind::Bool => return number(u64::from(value == true)),
        Kind::Int => return number(value.as_u64().unwrap_or_default()),
        Kind::Enum(prefix, names) => return number(enum_number(prefix, names, value)),
        Kind::Text => value.as_str().unwrap_or_default().as_bytes().to_vec(),
        Kind::Time => timestamp(value),
        Kind::Message(message) => encode(message, value),
        // Nobody who speaks binary asks for these.
        Kind::Opaque => return,
    };
    put_varint(bytes, u64::from(field.number) << 3 | BYTES);
    put_varint(bytes, inner.len() as u64);
    bytes.extend(inner);
}

fn enum_number(prefix: &str, names: &[&str], value: &Value) -> u64 {
    let name = value.as_str().and_then(|name| name.strip_prefix(prefix));
    let known = name.and_then(|name| names.iter().position(|known| *known == name));
    // Negative numbers are sign-extended, as protobuf has them.
    known.map_or_else(|| value.as_i64().unwrap_or_default().cast_unsigned(), |index| index as u64)
}

/// `google.protobuf.Timestamp`: 1 seconds, 2 nanos.
fn timestamp(value: &Value) -> Vec<u8> {
    let time: Timestamp = value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut bytes = vec![1 << 3];
    put_varint(&mut bytes, time.as_second().cast_unsigned());
    bytes.push(2 << 3);
    put_varint(&mut bytes, i64::from(time.subsec_nanosecond()).cast_unsigned());
    bytes
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// The message as JSON. Fields that the schema does not have are refused: what a client says is either
/// understood or a fault of the emulator's.
pub(super) fn decode(message: &Message, mut bytes: &[u8]) -> Result<Value, Wrong> {
    let mut found = Map::new();
    while !bytes.is_empty() {
        let tag = take_varint(&mut bytes)?;
        let field = message.0.iter().find(|field| u64::from(field.number) == tag >> 3);
        let field = field.ok_or_else(|| format!("the emulator knows no field {} here", tag >> 3))?;
        let wrong = |wrong: Wrong| format!("{}: {wrong}", field.name);
        let many = field.repeated.then(|| found.entry(field.name).or_insert_with(|| json!([])));
        if let Some(Value::Array(items)) = many {
            take_items(field, tag & 7, &mut bytes, items).map_err(wrong)?;
        } else {
            let value = take_value(field.kind, tag & 7, &mut bytes).map_err(wrong)?;
            found.insert(field.name.to_owned(), value);
        }
    }
    Ok(Value::Object(found))
}

/// Numbers of a list come together ("packed"), everything else one by one.
fn take_items(field: &Field, wire: u64, bytes: &mut &[u8], items: &mut Vec<Value>) -> Result<(), Wrong> {
    if wire == BYTES && matches!(field.kind, Kind::Bool | Kind::Int | Kind::Enum(..)) {
        let mut packed = take_bytes(bytes)?;
        while !packed.is_empty() {
            items.push(take_value(field.kind, VARINT, &mut packed)?);
        }
        return Ok(());
    }
    items.push(take_value(field.kind, wire, bytes)?);
    Ok(())
}

fn take_value(kind: Kind, wire: u64, bytes: &mut &[u8]) -> Result<Value, Wrong> {
    match (kind, wire) {
        (Kind::Bool, VARINT) => Ok((take_varint(bytes)? != 0).into()),
        (Kind::Int, VARINT) => Ok(take_varint(bytes)?.into()),
        (Kind::Enum(prefix, names), VARINT) => {
            let number = take_varint(bytes)?;
            let name = usize::try_from(number).ok().and_then(|number| names.get(number));
            Ok(name.map_or_else(|| number.into(), |name| format!("{prefix}{name}").into()))
        }
        (Kind::Text, BYTES) => {
            let text = std::str::from_utf8(take_bytes(bytes)?).map_err(|_| "is not UTF-8")?;
            Ok(text.into())
        }
        (Kind::Message(message), BYTES) => decode(message, take_bytes(bytes)?),
        (Kind::Time | Kind::Opaque, BYTES) => Err("the emulator reads this as JSON only".into()),
        _ => Err("has the wrong type".into()),
    }
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Wrong> {
    let length = usize::try_from(take_varint(bytes)?).map_err(|_| "is too long")?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or("ends too early")?;
    *bytes = rest;
    Ok(taken)
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, Wrong> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or("ends too early")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number without end".into())
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ACTION_DETAILS, BY_ACTION, CREATE_APP};
    use super::*;

    /// What `flyteidl2` 2.0.51 encodes in Python for the same message.
    #[test]
    fn a_request_is_read_as_the_vendors_client_writes_it() {
        let bytes = b"\x0a\x1d\x0a\x17\x0a\x04acme\x12\x04pond\x1a\x03dev\"\x04r7q2\x12\x02a0";
        let expected = json!({"actionId": {
            "run": {"org": "acme", "project": "pond", "domain": "dev", "name": "r7q2"},
            "name": "a0",
        }});
        assert_eq!(decode(&BY_ACTION, bytes), Ok(expected.clone()));
        assert_eq!(encode(&BY_ACTION, &expected), bytes);
    }

    #[test]
    fn lists_enums_flags_and_packed_numbers_go_both_ways() {
        let app = json!({"clientId": "ci", "redirectUris": ["http://a", "http://b"], "grantTypes": ["CLIENT_CREDENTIALS"],
            "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "skipDefaultPolicyAssignments": true});
        assert_eq!(decode(&CREATE_APP, &encode(&CREATE_APP, &app)), Ok(app));
        // 6 grant_types, packed: 3 and 0.
        let packed = json!({"grantTypes": ["CLIENT_CREDENTIALS", "AUTHORIZATION_CODE"]});
        assert_eq!(decode(&CREATE_APP, b"\x32\x02\x03\x00"), Ok(packed));
    }

    #[test]
    fn unknown_phases_and_times_are_encoded_as_numbers() {
        let details = json!({"details": {"status": {"phase": 77, "startTime": "1970-01-01T00:00:02.000000003Z"}}});
        assert_eq!(encode(&ACTION_DETAILS, &details), b"\x0a\x0a\x1a\x08\x08\x4d\x12\x04\x08\x02\x10\x03");
    }

    #[test]
    fn what_is_cut_or_unknown_is_refused() {
        for bytes in [&b"\x0a"[..], b"\x0a\x05\x0a", b"\x0a\xff", b"\x08\x01", b"\x7a\x01x", &[0xff; 11]] {
            assert!(decode(&BY_ACTION, bytes).is_err(), "{bytes:?}");
        }
    }
}
