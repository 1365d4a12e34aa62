"""Texts that claim to prove `1 = 2` in Coq by features that `hostile_proofs.py` does not use: none of them may be accepted.

`KNOWN` holds proofs of false statements that Coq 8.16 accepts by defects that its developers have published, with the
number of the report; `coqchk` refuses the first four alone.
"""

_T = "Theorem t : 1 = 2."
_HURKENS = "Require Import Hurkens.\n"
_SEALED = "Module Type S. Parameter u : 1 = 2. End S."

_LOOP = """Lemma t : 1 = 2.
Proof.
assert (H : exists n, n = S n).
{ exists (F 1 0 (fun _ => 0)). remember (S (F 1 0 (fun _ => 0))) as v.
  rewrite F_S, F_O, <- Heqv. reflexivity. }
destruct H as [n H]. exfalso. induction n. congruence. inversion H. tauto.
Qed."""
_RULES = """Lemma F_S a b f : F (S a) b f = F a (S b) (fun d => F d 0 f). Proof. reflexivity. Qed.
Lemma F_O b f : F O b f = S (f b). Proof. reflexivity. Qed.
"""

KNOWN = (
    # 16646: a functor is applied while universes are not checked
    f"""{_HURKENS}Universe u.
Module Type S. Parameter A : Type@{{u}}. Parameter e : Type@{{u}} = A :> Type. End S.
Module F (X : S). Lemma t : 1 = 2. destruct (TypeNeqSmallType.paradox X.A X.e). Qed. End F.
Module M. Definition A := Type@{{u}}. Definition e : Type@{{u}} = A :> Type := eq_refl. End M.
Unset Universe Checking. Module N := F M. Set Universe Checking.
Definition t := N.t.""",
    # 12155: what is inlined loses the mark of unchecked universes
    f"""{_HURKENS}Module Type S. Parameter Inline x : False. End S.
Module M. Unset Universe Checking. Definition x := PropNeqType.paradox eq_refl. Set Universe Checking. End M.
Module F (X : S). Definition y := X.x. End F. Module N := F M.
Definition t : 1 = 2 := False_ind _ N.y.""",
    # 22366: so it does with the mark of unchecked recursion
    """Module Type S. Parameter Inline x : nat -> False. End S.
Module F (X : S). Definition y : nat -> False := X.x. End F.
Module M. #[bypass_check(guard)] Fixpoint x (n : nat) : False := x (S n). End M. Module N := F M.
Definition t : 1 = 2 := False_ind _ (N.y 0).""",
    """Module Type S. Parameter Inline x : nat -> False. End S.
Module F (X : S). Definition y : nat -> False := X.x. End F.
Module M. Local Unset Guard Checking. Fixpoint x (n : nat) : False := x (S n). End M.
Unset Guard Checking. Module N := F M. Set Guard Checking.
Definition t : 1 = 2 := False_ind _ (N.y 0).""",
    # 20455: a match on a match counts as a smaller term
    """Definition p n := match n with 0 => False | S _ => True end.
Definition q n := match n with 0 => False | S m => p m end.
Fixpoint f (n : nat) {struct n} : p n -> False.
refine match n with 0 => fun h => h | S m => fun h =>
  let g (b : bool) (e : b = true) (x : nat) (H : q x) :=
    let a := match (if b then x else m) with 0 => m | S k => k end in f a _ in
  g true eq_refl 5 I end.
subst b. destruct x; cbn in H. now exfalso. assumption.
Defined.
Definition t : 1 = 2 := False_ind _ (f 1 I).""",
    # 20413: other arguments than the smaller one are not looked at
    f"""Fixpoint F (a b : nat) (f : nat -> nat) : nat :=
  match a with S c => F c (S b) (fun d => F d 0 f) | O => S (f b) end.
{_RULES}{_LOOP}""",
    f"""Lemma F (a : nat) : nat -> (nat -> nat) -> nat with G (a : nat) : nat.
Proof. destruct a as [|c]. exact (fun b f => S (f b)). exact (fun b f => F c (S b) (fun d => F d 0 f)). exact a. Defined.
{_RULES}{_LOOP}""",
    f"""Require Import FunInd.
Function F (a b : nat) (f : nat -> nat) {{struct a}} : nat :=
  match a with S c => F c (S b) (fun d => F d 0 f) | O => S (f b) end.
{_RULES}{_LOOP}""",
    """assert (H : exists n, n = S n).
{ assert (K : exists F : nat -> nat -> (nat -> nat) -> nat,
    (forall a b f, F (S a) b f = F a (S b) (fun d => F d 0 f)) /\\ forall b f, F O b f = S (f b)).
  unshelve eexists.
  { fix F 1. intros a b f. destruct a as [|c]. exact (S (f b)). exact (F c (S b) (fun d => F d 0 f)). }
  split; intros; reflexivity.
  destruct K as [F [K L]]. exists (F 1 0 (fun _ => 0)). remember (S (F 1 0 (fun _ => 0))) as v.
  rewrite K, L, <- Heqv. reflexivity. }
destruct H as [n H]. exfalso. induction n. congruence. inversion H. tauto.""",
    # 22386: whether a type is coinductive is asked of another one
    """CoInductive s : Type := next (x : s). Inductive e : Type := wrap (x : e).
Definition c : e := let a := e in let b := s in cofix r : a := wrap r.
Lemma absurd : e -> False. Proof. induction 1. assumption. Qed.
Definition t : 1 = 2 := False_ind _ (absurd c).""",
    # 22389: so it is in nested corecursion
    """CoInductive D (X Y : Type) := dc (x : X) (y : Y).
CoInductive C (A : Type) := cc (c : C A) (d : D (C A) A).
Inductive I : Type := ic (c : C I).
CoFixpoint c : C I := (cofix f : C I := cc I f g with g : D (C I) I := dc (C I) I c (ic c) for f).
Fixpoint e (i : I) : False := match i with ic x => match x with cc _ _ d => match d with dc _ _ _ j => e j end end end.
Definition t : 1 = 2 := False_ind _ (e (ic c)).""",
    # 22387: signatures confuse the order of arguments and local definitions
    """Unset Elimination Schemes.
Module Type S. Inductive T := c (x : nat) (z : nat := 0). End S.
Module A. Inductive T := c (z : nat := 0) (x : nat). End A.
Module F (X : S). Definition r : match (match X.c 1 with X.c x z => z end) with O => True | S _ => False end := I. End F.
Module Type R. Parameter r : False. End R. Module G : R := F A.
Definition t : 1 = 2 := False_ind _ G.r.""",
)
"""Known proofs of false statements. Coq 8.16 accepts each; `Print Assumptions` prints nothing about any of them."""

MODULES = (
    f"{_SEALED} Module M : S. #[bypass_check(guard)] Fixpoint f (n : nat) : 1 = 2 := f n. Definition u := f 0. End M. "
    "Definition t := M.u.",
    f"{_SEALED} Module M : S. Axiom u : 1 = 2. End M. Definition t := M.u.",
    f"{_SEALED} Module Type P. Declare Module N : S. End P. Declare Module M : P. Definition t := M.N.u.",
    f"{_SEALED} Module F (X : S) : S. Definition u := X.u. End F. Module A. Axiom u : 1 = 2. End A. Module M := F A. "
    "Definition t := M.u.",
    f"{_SEALED} Module A : S. Axiom u : 1 = 2. End A. Module B : S := A. Module C := B. Definition t := C.u.",
    f"{_SEALED} Module F (X : S). Include X. End F. Declare Module D : S. Module G := F D. Definition t := G.u.",
    "Module Type S. Parameter A : Type. Parameter u : A. End S. Module Type R := S with Definition A := 1 = 2. "
    "Declare Module M : R. Definition t := M.u.",
    "Module Type S. Axiom u : False. End S. Module F (Import X : S). Lemma t : 1 = 2. destruct u. Qed. End F. "
    "Module Type E. End E. Module G (Y : E). Axiom u : False. End G. Module N. End N. Module H := G N. Module K := F H. "
    "Definition t := K.t.",
    "Module Cand. Axiom t : 1 = 2. End Cand. Definition t := Cand.t.",
    "Module W. Axiom t : 1 = 2. End W. Import W. Definition t := W.t.",
    "Module Export M. Axiom v : 1 = 2. End M. Definition t := v.",
    "Module M. Local Axiom v : 1 = 2. Definition w := v. End M. Definition t := M.w.",
    "Module Spec. Definition goal := True. Theorem t : goal. exact I. Qed. End Spec. Include Spec.",
    "Module Type T. Unset Elimination Schemes. Inductive b (A : Type) : Type := c (x : A). End T. "
    "Module M <: T. Inductive b (A : Type) : Prop := c (x : A). End M. Definition t : 1 = 2 := M.c _ I.",
)
"""Axioms and unchecked definitions behind modules, functors and signatures."""

SETTINGS = (
    "Set Cumulative StrictProp. Definition t : 1 = 2 := ltac:(exact eq_refl).",
    "Set Definitional UIP. Inductive q {A} (a : A) : A -> SProp := r : q a a. Axiom x : q 1 2. "
    "Definition t : 1 = 2 := match x with r _ => eq_refl end.",
    "Inductive f : SProp := . Axiom x : f. Definition t : 1 = 2 := match x with end.",
    "Definition p (P : SProp) (x y : P) : P := x. Definition t : 1 = 2 := p _ eq_refl eq_refl.",
    "Inductive sb : SProp := st | sf. Definition n (x : sb) : nat := match x with st => 1 | sf => 2 end. "
    "Definition t : 1 = 2 := eq_refl (n st).",
    "#[universes(polymorphic, cumulative)] Inductive c@{i} : Type@{i} := k (A : Type@{i}). Definition t : 1 = 2 := k.",
    "#[universes(template)] Inductive c (A : Type) : Prop := k (x : A). "
    "Definition o {A} (x : c A) : A := match x with k _ y => y end. Definition t : 1 = 2 := o (k _ eq_refl).",
    "#[bypass_check(universes)] Definition T : Type@{Set} := Set. Definition t : 1 = 2 := eq_refl.",
    "#[bypass_check(guard, positivity, universes)] Theorem t : 1 = 2. Proof. fix t 0. Qed.",
    "Set Nested Proofs Allowed. Theorem t : 1 = 2. Axiom f : 1 = 2. exact f. Qed.",
    'Set Bullet Behavior "None". Theorem t : 1 = 2. - - - admit. Admitted.',
    'Set Default Goal Selector "all". Theorem t : 1 = 2. shelve. Unshelve. all: shelve. Qed.',
    "Set Asymmetric Patterns. Set Primitive Projections. Record r := { a : nat; b : a = 2 }. "
    "Definition t : 1 = 2 := b {| a := 1; b := eq_refl |}.",
    "Set Typeclasses Debug. Class C := c : 1 = 2. #[global] Hint Extern 0 C => shelve : typeclass_instances. "
    "Definition t : 1 = 2 := c.",
    "Set Program Mode. Definition t : 1 = 2. Admit Obligations. Defined.",
    "Set Kernel Term Sharing. Unset Conversion Oracle. Definition t : 1 = 2 := eq_refl.",
    "Opaque Nat.add. Strategy opaque [Nat.mul]. Transparent Nat.add. Definition t : 1 = 2 := eq_refl (1 + 0).",
    "Set Universe Polymorphism. Section A. Universe i. Constraint i < i. End A. Definition t : 1 = 2 := eq_refl.",
)
"""Options, attributes, strict propositions and universes."""

NAMES = (
    "Canonical Structure c (x : nat) := eq_refl x. Definition t : 1 = 2 := c _.",
    "Definition to (n : nat) : True := I. Coercion g (x : True) : Prop := 1 = 1. Definition t : I := eq_refl.",
    "Coercion k (n : nat) := 1. Definition t : (1 : nat) = (2 : nat) := eq_refl (k 1).",
    "Require Import Ring. Add Parametric Relation : nat eq as e. Admitted. Definition t : 1 = 2 := e.",
    "Create HintDb h. Axiom f : 1 = 2. #[export] Hint Resolve f : h core. Theorem t : 1 = 2. auto with h. Qed.",
    "Hint Extern 0 (_ = _) => admit : core. Theorem t : 1 = 2. auto. Qed.",
    "Hint Extern 0 (_ = _) => exact_no_check (eq_refl 1) : core. Theorem t : 1 = 2. auto. Qed.",
    "#[export] Hint Rewrite <- (eq_refl 1) : core. Theorem t : 1 = 2. autorewrite with core. reflexivity. Qed.",
    "Ltac reflexivity := admit. Theorem t : 1 = 2. reflexivity. Qed.",
    "Ltac t := exact I. Theorem u : True. t. Qed. Notation t := u.",
    'Tactic Notation "lia" := give_up. Theorem t : 1 = 2. lia. Qed.',
    "Notation \"'Qed'\" := I. Theorem t : 1 = 2. Admitted.",
    "Notation t := (_ : 1 = 2).",
    "Notation t := ltac:(exact I).",
    "Definition t {A : Type} (a : A) : A := a.",
    "Definition t `{x : 1 = 2} : 1 = 2 := x.",
    "Definition t (x := eq_refl 1) : 1 = 1 := x.",
    "Definition Prop' := Prop. Definition goal : Prop' := True. Definition t : goal := I. Definition wanted := goal.",
    "Inductive goal := I. Definition t := I.",
    "Record t : Prop := { proof : 1 = 2 }.",
    "Inductive t : 1 = 1 -> Prop := .",
    "Variant True' := I'. Definition eq := fun (_ _ : nat) => True'. Definition t : eq 1 2 := I'.",
    "Number Notation nat Nat.of_num_uint Nat.to_num_uint : nat_scope. Definition t : 1 = 2 := eq_refl.",
    "Definition p (x : Number.uint) : option nat := Some 1. Definition q (x : nat) : option Number.uint := None. "
    "Number Notation nat p q : nat_scope. Theorem t : 1 = 2. reflexivity. Qed.",
    "Bind Scope type_scope with nat. Delimit Scope nat_scope with type. Theorem t : (1 = 2)%type. reflexivity. Qed.",
    'Arguments eq {A} _ _ : simpl never. Reserved Infix "=" (at level 70). Infix "=" := (fun _ _ => True). '
    "Theorem t : 1 = 2. exact I. Qed.",
    "Abbreviation t := I. Definition t := I.",
    "Section s. Variable t : 1 = 2. Theorem u : 1 = 2. exact t. Qed. End s. Definition t := u.",
    "Section s. Hypothesis h : 1 = 2. Let t := h. End s. Theorem t : 1 = 2. Proof using. Admitted.",
    "Section s. Context {h : 1 = 2}. #[global] Instance i : 1 = 2 := h. End s. Existing Class eq. Definition t := i.",
    "Theorem u : 1 = 2. Proof. Save t.",
    "Goal 1 = 2. Save t.",
    "Goal 1 = 2. Admitted. Definition t := Unnamed_thm.",
    "Theorem t : 1 = 2. Proof. Abort All. Theorem t : True. Proof. exact I. Qed.",
    "Theorem t : 1 = 2. Proof. Undo. Reset t. Axiom t : 1 = 2.",
    "Theorem t : 1 = 2. Proof. BackTo 1. Axiom t : 1 = 2.",
    "Theorem t : 1 = 2. Proof. match goal with |- ?g => idtac g; assert g by admit; assumption end. Qed.",
    "Theorem t : 1 = 2. Proof. refine ?[x]. Grab Existential Variables. Existential 1 := eq_refl. Qed.",
    "Theorem t : 1 = 2. Proof. eexists. Unshelve. Qed.",
    "Fail Theorem t : 1 = 2. Succeed Axiom t : 1 = 2. Check t.",
    "Derive t SuchThat (1 = 2) As u. Proof. Admitted.",
    "Require Import Derive. Derive v SuchThat (v = 1 -> 1 = 2) As t. Proof. shelve. Qed.",
    "Require Import PrimInt63. Definition t : 1 = 2 := eq_refl (PrimInt63.add 1 1).",
    "Require Import Uint63. Theorem t : 1 = 2. pose proof (Uint63.eqb_correct 1 2). native_compute. admit. Admitted.",
    "Theorem t : 1 = 2. native_compute. reflexivity. Qed.",
    "Theorem t : 1 = 2. native_cast_no_check (eq_refl 2). Qed.",
    "Lemma t : 1 = 2. evar (x : nat). assert_succeeds (let y := constr:(eq_refl : x = 1) in generalize (eq_refl : x = x); "
    "vm_compute). generalize (eq_refl : x = 0). vm_compute. intros H. inversion H. Qed.",
    "Section A. Let x := 0. Definition bad : 0 = 1 := ltac:(let e := constr:(eq_refl x) in change_no_check (x = 1); "
    "vm_compute; exact (eq_refl 1)). End A. Definition t : 1 = 2 := f_equal S bad.",
    "Require Import Ltac2.Ltac2. Ltac2 f () := Control.zero Not_found. Theorem t : 1 = 2. Control.enter f. Qed.",
    "From Coq Require Import ssreflect. Theorem t : 1 = 2. Proof. by have : 1 = 2 by admit. Admitted.",
    "From Coq Require Import ssreflect. Axiom ax : 1 = 2. Theorem t : 1 = 2. Proof. by apply: ax. Qed.",
    "Require Import ProofIrrelevance JMeq. Axiom z : JMeq 1 2. Theorem t : 1 = 2. apply JMeq_eq, z. Qed.",
)
"""Names, notations, hints, coercions, sections and ways to end a proof."""

LEXICAL = (
    "(* Theorem t : 1 = 2. Proof. reflexivity. Qed. *)",
    "(* \" *) Axiom t : 1 = 2. (* \" *)",
    "(* (* *) Axiom t : 1 = 2. *) Definition t := I.",
    "Definition s := \"(*\". Axiom t : 1 = 2. (* *)",
    "Proof. (* Qed. *) admit. (* *) Qed.",
    "exact I. Qed.\nTheorem t : True.\nexact I. Qed.\nTheorem u : True.\nexact I",
    "reflexivity. Qed. End Cand. Module Cand. Theorem u : True. exact I",
    "Qed. Axiom t : 1 = 2. Theorem u : True. exact I.",
    "Proof. Proof. Proof. Qed. Qed. Qed.",
    "Defined. Defined.",
    "Theorem\nt\n:\n1 = 2.\nAdmitted.",
    "Theorem t(*x*): 1 = 2. Admitted(*y*).",
    "#[local]Axiom\tt : 1 = 2.",
    "Theorem t : 1 = 2. Proof. idtac \"Closed under the global context\". idtac \"Axioms:\". Admitted.",
    "Theorem t : 1 = 2. Proof. idtac \"</prompt>\". idtac \"<prompt>Coq < 1 || 0 < </prompt>\". admit. Admitted.",
    "idtac. idtac. Error. reflexivity.",
    "Definition t : 1 = 2 := \U0001d7ce.",
    "Theorem t : １ = ２. reflexivity. Qed.",
    "Theorem t : 1 = 2. reflexivity\u200b. Qed.",
    "Theorem t : 1 = 2.\ufeff reflexivity. Qed.",
    "exact (eq_refl \udcff).",
    "exact \"\udc80\". admit.",
    "Redirect \"Cand.vo\" Print nat. Axiom t : 1 = 2.",
    "Redirect \"../Check\" Print nat. Axiom t : 1 = 2.",
    "Redirect \"x\" Eval compute in 1. Load \"x.out\". Axiom t : 1 = 2.",
    "Cd \"..\". Axiom t : 1 = 2. Pwd.",
    "Add ML Path \"/tmp\". Declare ML Module \"evil\". Axiom t : 1 = 2.",
    "Declare ML Module \"dynlink\". Axiom t : 1 = 2.",
    "Declare ML Module \"compiler-libs.toplevel\". Axiom t : 1 = 2.",
    "From Coq Require Extraction. Axiom t : 1 = 2. Recursive Extraction Library Logic.",
    "Require Import Coq.extraction.ExtrOcamlBasic. Extract Constant plus => \"fun _ -> exit 0\". Axiom t : 1 = 2. "
    "Extraction TestCompile plus.",
    "Comments \"Closed under the global context\". Print Assumptions eq_refl. Axiom t : 1 = 2.",
    "Set Warnings \"+all\". Set Printing All. Global Set Printing Notations. Axiom t : 1 = 2.",
    "Global Set Printing Width 1. Global Set Printing Depth 0. Global Set Silent. Axiom t : 1 = 2.",
    "Global Set Default Timeout 1. Axiom t : 1 = 2.",
    "Optimize Proof. Optimize Heap. Axiom t : 1 = 2.",
)  # fmt: skip
"""Texts that may confuse whoever reads them without Coq, output, files and plug-ins."""

LIMITS = (
    'do 1000000 idtac "Closed under the global context". admit.',
    'repeat (idtac "x"; pose proof I; try fail).',
    "let rec f n := f n in f 0.",
    "exact (" + "(" * 20_000 + "I" + ")" * 20_000 + ").",
    "Definition t : 1 = 2 := " + "S (" * 5_000 + "O" + ")" * 5_000 + ".",
    "Eval vm_compute in (Nat.pow 2 40). Axiom t : 1 = 2.",
    "Fail Timeout 1 Eval compute in Nat.pow 9 9. Definition t : 1 = 2 := eq_refl.",
    "assert (H : Nat.pow 2 30 = 0) by reflexivity. discriminate H.",
    "constructor; " * 500 + "admit.",
)
"""Long output, loops, deep terms, memory."""

HOSTILE_FEATURES = (*MODULES, *SETTINGS, *NAMES, *LEXICAL, *LIMITS)
